import Glibc
import LinuxSystem
public import SIF
public import SystemPackage

/// A writable layer for images: an ext3 file system with the directories `upper` and `work`, in a file of its own or as a
/// partition of a SIF image (spec/runtime.md "Overlays"). The program `mke2fs` makes it.
public struct OverlayImage: Sendable {
  /// The size of the file system in MiB; 64 is the least.
  public var mebibytes: Int64 = 64
  /// Whether the file system uses only the blocks that hold something, as long as nothing is written to it.
  public var isSparse = false
  /// Directories that the layer has from the beginning, absolute paths in the container.
  public var directories: [FilePath] = []
  /// Whether root inside a container owns them, with `--fakeroot`, instead of the user.
  public var isRootOwned = false

  /// Makes a description of 64 MiB.
  public init() {}

  /// Makes a file, which gets its name when it is complete.
  ///
  /// - Throws: ``ImageBuildError`` or `SystemError`, such as `EEXIST`.
  public func create(at path: FilePath) throws {
    try validate()
    guard (try? OwnedDescriptor.naming(path)) == nil else {
      throw SystemError(errno: .fileExists, operation: "create", path: path)
    }
    var file = try ReplacementFile(replacing: path, mode: 0o600)
    try fill(file.descriptor, beside: path)
    try file.commit()
  }

  /// Adds a partition to an image.
  ///
  /// - Throws: ``ImageBuildError/Code/unsuitableImage`` for an image whose partition is encrypted, that has an overlay
  ///   already, or that is signed: its signatures would no longer cover all of it.
  public func add(to path: FilePath, clock: EditClock) throws {
    try validate()
    var editor = try ImageEditor(opening: path, clock: clock)
    let partition = try suitablePartition(of: editor.image)
    let file = try ReplacementFile(replacing: FilePath("\(path.string).overlay"), mode: 0o600)
    try fill(file.descriptor, beside: path)
    var source = try FileSource(opening: FilePath("/proc/self/fd/\(file.descriptor.rawValue)"))
    let metadata = PartitionMetadata(fileSystem: .ext3, type: .overlay, architecture: partition.architecture)
    try editor.add(NewObject(.partition, metadata: .partition(metadata)), from: &source)
  }

  private func suitablePartition(of image: Image) throws(ImageBuildError) -> PartitionMetadata {
    var primary: PartitionMetadata?
    for object in image.descriptors {
      if object.dataType == .signature {
        throw ImageBuildError(
          .unsuitableImage, "the image is signed (object \(object.id)): a new partition would not be covered")
      }
      guard case .partition(let partition) = object.metadata else { continue }
      if partition.type == .overlay {
        throw ImageBuildError(.unsuitableImage, "the image has an overlay already (object \(object.id))")
      }
      if partition.type == .primarySystem { primary = partition }
    }
    guard let primary else {
      throw ImageBuildError(
        .unsuitableImage, "the image has no primary system partition for an overlay to lie on")
    }
    guard primary.fileSystem == .squashfs else {
      throw ImageBuildError(
        .unsuitableImage,
        "the image's partition is no plain squashfs: its overlay would hold its content in the clear")
    }
    return primary
  }

  private func validate() throws(ImageBuildError) {
    guard mebibytes >= 64, mebibytes < 1 << 24 else {
      throw ImageBuildError(.invalidArgument, "an overlay has 64 MiB to 16 TiB, not \(mebibytes) MiB")
    }
    for directory in directories {
      guard directory.isAbsolute, !directory.components.contains(where: { $0.kind != .regular }),
        !directory.string.utf8.contains(where: { $0 < 0x20 || $0 == 0x22 || $0 == 0x5C })
      else {
        throw ImageBuildError(
          .invalidArgument,
          "a directory of an overlay is an absolute path without \"..\", quotes, backslashes and control characters, not \(directory.string)"
        )
      }
    }
  }

  private func fill(_ file: borrowing OwnedDescriptor, beside path: FilePath) throws {
    let length = mebibytes << 20
    if isSparse {
      try file.truncate(to: length)
    } else {
      let status = posix_fallocate(file.rawValue, 0, off_t(length))
      guard status == 0 else {
        throw SystemError(
          errno: Errno(rawValue: status), operation: "reserve \(mebibytes) MiB for", path: path)
      }
    }
    var tree = try TemporaryTree()
    for directory in ["upper", "work"] + directories.map({ "upper\($0.string)" }) { try tree.make(directory) }
    let owner = isRootOwned ? "0:0" : "\(geteuid()):\(getegid())"
    // Without discarding, the blocks that were reserved stay reserved.
    let extended = "root_owner=\(owner)" + (isSparse ? "" : ",nodiscard")
    let target = "/proc/\(getpid())/fd/\(file.rawValue)"
    try Self.run("mke2fs", ["-q", "-F", "-t", "ext3", "-d", tree.path.string, "-E", extended, target])
    guard isRootOwned, geteuid() != 0 else { return }
    // mke2fs copies the owner of each directory, who is this user.
    let changes = tree.names.flatMap { name in
      ["uid", "gid"].map { "set_inode_field \"/\(name)\" \($0) 0\n" }
    }
    try Self.run("debugfs", ["-w", "-f", "-", target], input: Array(changes.joined().utf8))
  }

  private static func run(_ program: String, _ arguments: [String], input: [UInt8] = []) throws {
    let outcome: ChildProcess.Outcome
    do throws(SystemError) {
      outcome = try ChildProcess(running: path(of: program), arguments).communicate(input, limit: 1 << 20)
    } catch {
      guard error.errno == .noSuchFileOrDirectory else { throw error }
      throw ImageBuildError(
        .missingProgram, "\(program) makes the file system, and it is not installed (package e2fsprogs)")
    }
    guard outcome.status == 0 else {
      let reason = String(decoding: outcome.errors, as: UTF8.self).split(separator: "\n").first.map(
        String.init)
      throw ImageBuildError(
        .missingProgram,
        "\(program) could not make the file system: \(reason ?? "exit status \(outcome.status)")")
    }
  }

  /// The program, also for users whose PATH has no directories of administrators' programs.
  private static func path(of program: String) -> String {
    ["/usr/sbin/\(program)", "/sbin/\(program)"].first { access($0, X_OK) == 0 } ?? program
  }
}

/// A directory for the tree that `mke2fs` copies, removed with the value.
private struct TemporaryTree: ~Copyable {
  let path: FilePath
  private var made: [FilePath] = []

  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? ""
    var template = Array("\(parent.hasPrefix("/") ? parent : "/tmp")/sif-overlay-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else {
      throw SystemError(errno: Errno(rawValue: errno), operation: "make a temporary directory")
    }
    path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
  }

  deinit {
    for directory in made.reversed() { _ = directory.withPlatformString { rmdir($0) } }
    _ = path.withPlatformString { rmdir($0) }
  }

  /// The directories' paths within the tree.
  var names: [String] {
    made.map { directory in
      FilePath(root: nil, directory.components.dropFirst(path.components.count)).string
    }
  }

  /// Makes a directory with its parents.
  mutating func make(_ name: String) throws(SystemError) {
    var directory = path
    for component in FilePath(name).components {
      directory.append(component)
      guard !made.contains(directory) else { continue }
      let place = directory
      try SystemError.check("create", place) { place.withPlatformString { mkdir($0, 0o755) } }
      made.append(directory)
    }
  }
}
