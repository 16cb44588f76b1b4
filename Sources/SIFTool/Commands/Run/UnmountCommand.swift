import ArgumentParser
import CommandKit
import SIFRuntime

struct UnmountCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "unmount", abstract: "Unmount an image.",
    discussion: "Only what `siftool mount` has mounted. With the mount go its loop device or its server.")

  @Argument(help: "The directory that it is mounted on.") var directory: PathArgument
  @Flag(help: "Take it out of the tree at once though it is in use; it goes altogether with its last user.")
  var lazy = false

  func execute() throws { try ImageMounts.unmount(directory.path, lazily: lazy) }
}
