import ArgumentParser
import CommandKit
import SIFRuntime

struct ShellCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "shell", abstract: "Start a shell in an image.",
    discussion: """
      The shell is /bin/bash of the image, or /bin/sh if it has none. It sees of the host what a program of \
      `siftool exec` sees. Options go before the image; everything after it belongs to the shell.

      siftool shell app.sif
      siftool shell --writable-tmpfs app.sif -c 'touch /new && ls /'
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "Arguments of the shell.") var arguments: [BytesArgument] =
    []

  func execute() throws { try container.start(image, .shell(arguments.map(\.bytes))) }
}
