import ArgumentParser
import CommandKit
import SIFRuntime

struct UnmountCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "unmount", abstract: "Unmount an image.",
    discussion: "Only unmounts what `siftool mount` has mounted, and ends its loop device or server.")

  @Argument(help: "The directory that the image is mounted on.") var directory: DirectoryArgument
  @Flag(help: "Detach the mount at once, even if it is in use; it ends when nothing uses it any more.")
  var lazy = false

  func execute() throws { try ImageMounts.unmount(directory.path, lazily: lazy) }
}
