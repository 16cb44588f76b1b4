import ArgumentParser
import CommandKit
import SIFRuntime
import SystemPackage

struct ShellCommand: ContainerCommand {
  static let configuration = CommandConfiguration(
    subcommand: "shell", abstract: "Start a shell in an image.",
    discussion: """
      The shell is the image's /bin/bash, or /bin/sh if there is none. It sees the same files of the host as a \
      program of `siftool exec`. Options go before the image; everything after the image belongs to the shell.

      siftool shell app.sif
      siftool shell --writable-tmpfs app.sif -c 'touch /new && ls /'
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Option(
    name: [.customShort("s"), .long],
    help: ArgumentHelp("Start this shell, a path in the container or a name in its PATH.", valueName: "shell")
  )
  var shell: BytesArgument?
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "The arguments of the shell.") var arguments:
    [BytesArgument] =
      []

  static func program(_ arguments: [[UInt8]]) -> ContainerOptions.Action { .shell(arguments) }

  func execute() throws {
    try container.request.start(
      image, .shell(arguments.map(\.bytes)), shell: shell?.given.map { FilePath(bytes: $0) })
  }
}
