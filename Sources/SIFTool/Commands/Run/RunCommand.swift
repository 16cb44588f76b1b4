import ArgumentParser
import CommandKit
import SIFRuntime

struct RunCommand: ContainerCommand {
  static let configuration = CommandConfiguration(
    subcommand: "run", abstract: "Run the runscript of an image.",
    discussion: """
      The runscript is /.singularity.d/runscript in the image. It sees the same files of the host as a program of \
      `siftool exec`, and the command ends with its exit status. Options go before the image; everything after the \
      image belongs to the runscript.

      siftool run app.sif --verbose input.txt
      siftool run --containall --bind data:/data app.sif
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "The arguments of the runscript.") var arguments:
    [BytesArgument] = []

  static func program(_ arguments: [[UInt8]]) -> ContainerOptions.Action { .run(arguments) }
}
