import ArgumentParser
import SIFRuntime

struct ShellCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "shell", abstract: "Start a shell in an image.",
    discussion: """
      As `exec` does with /bin/bash, or /bin/sh where there is none.
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "Arguments of the shell.") var arguments: [BytesArgument] =
    []

  func execute() throws { try container.start(image, .shell(arguments.map(\.bytes))) }
}
