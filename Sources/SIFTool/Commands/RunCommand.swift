import ArgumentParser
import SIFRuntime

struct RunCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Start the runscript of an image.",
    discussion: """
      As `exec` does with /.singularity.d/runscript.
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "Arguments of the runscript.") var arguments:
    [BytesArgument] = []

  func execute() throws { try container.start(image, .run(arguments.map(\.bytes))) }
}
