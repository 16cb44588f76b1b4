import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageBuild
import LinuxSystem
import SystemPackage

struct OverlayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "overlay", abstract: "Make writable layers for images.",
    subcommands: [OverlayCreateCommand.self])
}

struct OverlayCreateCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "create", abstract: "Make a writable layer: an ext3 file, or a partition of an image.",
    discussion: """
      A file that does not exist becomes a layer for exec --overlay. An image gets the layer as one more partition, \
      unless it is signed or encrypted. The program mke2fs (package e2fsprogs) makes the file system.

      siftool overlay create --size 1024 --sparse data.img
      siftool overlay create --create-dir /opt/app app.sif
      """)

  @Argument(help: "The new file, or an image.") var file: OutputArgument
  @Option(name: [.customShort("s"), .long], help: ArgumentHelp("The size in MiB.", valueName: "MiB"))
  var size: Int64 = 64
  @Flag(name: [.customShort("S"), .long], help: "Use disk space only for what is written.") var sparse = false
  @Option(
    help: ArgumentHelp(
      "Make a directory in the layer, a path in the container (repeatable).", valueName: "dir"))
  var createDir: [DirectoryArgument] = []
  @Flag(
    name: [.customShort("f"), .long],
    help: "Let root inside a container own the layer, for use with exec --fakeroot.")
  var fakeroot = false
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    var overlay = OverlayImage()
    overlay.mebibytes = size
    overlay.isSparse = sparse
    overlay.directories = createDir.map(\.path)
    overlay.isRootOwned = fakeroot
    if (try? OwnedDescriptor.naming(file.path)) == nil {
      try overlay.create(at: file.path)
    } else {
      try overlay.add(to: file.path, clock: try write.clock())
    }
  }
}
