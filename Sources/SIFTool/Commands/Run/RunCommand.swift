import ArgumentParser
import CommandKit
import SIFRuntime

struct RunCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Start the runscript of an image.",
    discussion: """
      The runscript is /.singularity.d/runscript in the image. It sees of the host what a program of `siftool exec` \
      sees, and its exit status is the command's. Options go before the image; everything after it belongs to the \
      runscript.

      siftool run app.sif --verbose input.txt
      siftool run --containall --bind data:/data app.sif
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "Arguments of the runscript.") var arguments:
    [BytesArgument] = []

  func execute() throws { try container.start(image, .run(arguments.map(\.bytes))) }
}
