import ArgumentParser
import CommandKit
import SIFRuntime

struct TestCommand: ContainerCommand {
  static let configuration = CommandConfiguration(
    subcommand: "test", abstract: "Run the test of an image.",
    discussion: """
      The test is /.singularity.d/test in the image, which its author wrote to see whether it works. The command ends \
      with its exit status, or with 0 if the image has no test. It sees the same files of the host as a program of \
      `siftool exec`. Options go before the image; everything after the image belongs to the test.

      siftool test app.sif
      siftool test --app solver app.sif
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "The arguments of the test.") var arguments:
    [BytesArgument] = []

  static func program(_ arguments: [[UInt8]]) -> ContainerOptions.Action { .test(arguments) }
}
