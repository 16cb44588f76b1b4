import ArgumentParser
import Bytes
import CommandKit
import Glibc
import LinuxSystem
import SIF
import SIFRuntime
import StrictJSON
import SystemPackage

struct MountCommand: LineCommand {
  static let configuration = CommandConfiguration(
    subcommand: "mount", abstract: "Mount an image's squashfs on a directory, read-only.",
    discussion: """
      For root, the kernel mounts it, through a loop device that is removed with the mount. For other users, a \
      server in the background serves it through FUSE until it is unmounted. Set-id bits and device nodes have no \
      effect. An image that the administrators' ecl.toml or singularity.conf denies is refused.

      siftool mount app.sif /mnt/app
      siftool mount --verify --key vendor.asc app.sif /mnt/app
      siftool mount --list
      """)

  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument?
  @Argument(help: "The directory to mount it on.") var directory: DirectoryArgument?
  @Flag(help: "List the mounted images.") var list = false
  @Flag(help: "Mount the image through FUSE even if the kernel could mount it.") var fuse = false
  @OptionGroup var volume: VolumeOptions
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  var idleOptions: [IdleOptions] {
    list
      ? [
        IdleOptions(
          ["fuse"] + VolumeOptions.names, reason: "is for mounting an image, and --list only lists them")
      ]
      : []
  }

  func validate() throws {
    guard list != (image != nil && directory != nil), !list || image == nil else {
      throw ValidationError("give an image and a directory, or --list alone")
    }
  }

  func execute() throws {
    guard let image, let directory else { return try Self.show(try ImageMounts.list(), output) }
    try Self.mount(image, volume.request, on: directory, fuse: fuse, output.json)
  }

  /// Without options, none of them is looked for.
  static func action(of line: CommandLineGrammar.Line) -> (() throws -> Void)? {
    guard line.options.isEmpty, line.operands.count == 2,
      let image = PathArgument(argument: line.operands[0]),
      let directory = DirectoryArgument(argument: line.operands[1])
    else { return nil }
    return { try mount(image, VolumeRequest(), on: directory, fuse: false, false) }
  }

  private static func mount(
    _ image: PathArgument, _ request: VolumeRequest, on directory: DirectoryArgument, fuse: Bool,
    _ printsJSON: Bool
  ) throws {
    let volume = try request.open(image)
    let target = try ImageMounts.absolute(directory.path)
    var status = stat()
    try SystemError.check("examine", target) { target.withPlatformString { stat($0, &status) } }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw SystemError(errno: .notDirectory, operation: "mount on", path: target)
    }
    // No signal ends the process once the mount exists: nobody would know of a mount that an interrupted command left.
    EndingSignals.hold()
    let path = try ImageMounts.absolute(image.path)
    let kind = try mount(volume, path, target, fuse: fuse)
    if printsJSON {
      try Console.write(document: [
        JSONMember("mounts", [ImageMount(kind: kind, image: path, target: target).json])
      ])
    }
  }

  private static func mount(
    _ volume: ImageVolume, _ image: FilePath, _ target: FilePath, fuse: Bool
  ) throws -> ImageMount.Kind {
    if geteuid() == 0, !fuse, !volume.needsFuse {
      do {
        try KernelMount.mount(volume, on: target).keep()
        return .kernel
      } catch {
        Reporter().note("the kernel cannot mount it (\(error)): mounting through FUSE")
      }
    }
    try MountService.start(volume, image: image, on: target, FuseOptions())
    return .fuse
  }

  private static func show(_ mounts: [ImageMount], _ output: JSONOption) throws {
    if output.json {
      return try Console.write(document: [JSONMember("mounts", .array(mounts.map(\.json)))])
    }
    let lines = mounts.map {
      "\($0.target.bytes.printable)\t\($0.kind.rawValue)\t\($0.image.bytes.printable)"
    }
    try Console.write(lines: lines, keepsTabs: true)
  }
}

extension ImageMount {
  fileprivate var json: JSONValue {
    .object([
      JSONMember("image", .string(String(decoding: image.bytes, as: UTF8.self))),
      JSONMember("kind", .string(kind.rawValue)),
      JSONMember("target", .string(String(decoding: target.bytes, as: UTF8.self))),
    ])
  }
}
