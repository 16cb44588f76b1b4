import ArgumentParser
import Bytes
import CommandKit
import SIFRuntime

struct ExecCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Start a program of an image.",
    discussion: """
      The program sees the image as its root, and of the host /proc, /sys, /dev, /tmp, /var/tmp, the home and the \
      working directory. It runs as you, with no capability, and its exit status is the command's: 127 if it does not \
      exist, 126 if it cannot be executed. An image that the administrators' ecl.toml or singularity.conf denies is \
      refused. Options go before the image; everything after the image belongs to the program.

      siftool exec app.sif python3 -c 'print(1)'
      siftool exec --containall --bind /data:/data:ro app.sif ls /data
      siftool exec --memory 2G --cpus 1.5 --pids-limit 100 app.sif make
      """)

  @OptionGroup var container: ContainerOptionGroup
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Argument(parsing: .captureForPassthrough, help: "The program and its arguments.") var arguments:
    [BytesArgument] = []

  func validate() throws {
    guard let first = program.first else { throw ValidationError("name a program of the image") }
    guard !first.isEmpty else { throw ValidationError("the name of the program is empty") }
    guard first.first != UInt8(ascii: "-") || program.count < arguments.count else {
      throw ValidationError(
        "\"\(first.printable)\" is where the program's name belongs: options go before the image, and a program of such "
          + "a name behind --")
    }
  }

  /// What is behind the image, without the mark that options have ended.
  private var program: [[UInt8]] {
    let all = arguments.map(\.bytes)
    return all.first == Array("--".utf8) ? Array(all.dropFirst()) : all
  }

  func execute() throws { try container.start(image, .exec(program)) }
}
