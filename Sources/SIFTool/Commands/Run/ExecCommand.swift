import ArgumentParser
import Bytes
import CommandKit
import SIFRuntime

struct ExecCommand: ContainerCommand {
  static let configuration = CommandConfiguration(
    subcommand: "exec", abstract: "Run a program of an image.",
    discussion: """
      The program sees the image as its root directory, and from the host /proc, /sys, /dev, /tmp, /var/tmp, your \
      home and the working directory. It runs as you, without capabilities. The command ends with the program's \
      exit status, with 127 if the program does not exist, or with 126 if it cannot be executed. An image that the \
      administrators' ecl.toml or singularity.conf denies is refused. Options go before the image; everything \
      after the image belongs to the program.

      siftool exec app.sif python3 -c 'print(1)'
      siftool exec --containall --bind /data:/data:ro app.sif ls /data
      siftool exec --memory 2G --cpus 1.5 --pids-limit 100 app.sif make
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.") var arguments:
    [BytesArgument] = []

  static func program(_ arguments: [[UInt8]]) throws -> ContainerOptions.Action {
    // Without the `--` that ends the options.
    let program = arguments.first == Array("--".utf8) ? Array(arguments.dropFirst()) : arguments
    guard let first = program.first else { throw ValidationError("name a program of the image") }
    guard !first.isEmpty else { throw ValidationError("the name of the program is empty") }
    guard first.first != UInt8(ascii: "-") || program.count < arguments.count else {
      throw ValidationError(
        "\"\(first.printable)\" is in the place of the program's name: put options before the image, and -- before a "
          + "program whose name begins with a dash")
    }
    return .exec(program)
  }
}
