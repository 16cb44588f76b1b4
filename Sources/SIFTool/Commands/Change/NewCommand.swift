import ArgumentParser
import CommandKit
import Glibc
import LinuxSystem
import SIF
import SystemPackage

struct NewCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "new", abstract: "Make a new, empty image.",
    discussion: "If an image of that name exists, it is replaced once the new one is complete.")

  @Argument(help: "The new image.") var image: OutputArgument
  @Option(
    help: ArgumentHelp(
      "The number of descriptor slots: the most objects that the image can hold.", valueName: "n"))
  var capacity = Header.defaultCapacity
  @Option(
    help: ArgumentHelp(
      "The launch script, at most 31 bytes. A newline is added to a #! line.", valueName: "text"))
  var launch: BytesArgument?
  @Option(help: ArgumentHelp("The image's id (default: a random one).", valueName: "uuid")) var id: String?
  @OptionGroup(title: "Times and id") var write: WriteOptions

  func execute() throws {
    var creation = Image.Creation.deterministic
    creation.capacity = capacity
    try ToolFailure.reading("--capacity") { try creation.check() }
    if case .fixed(let time) = try write.clock() {
      creation.time = time
    } else {
      creation.time = Timestamp(seconds: Int64(time(nil)))
      creation.id = .random()
    }
    if let id {
      guard let given = ImageID(text: id) else { throw ToolFailure.usage("--id: \"\(id)\" is not a UUID") }
      creation.id = given
    }
    if let launch {
      creation.launchScript = launch.bytes
      if launch.bytes.starts(with: "#!".utf8), launch.bytes.last != 0x0A {
        creation.launchScript.append(0x0A)
      }
      try ToolFailure.reading("--launch") { try creation.check() }
    }
    try NewImageFile.write(replacing: image.path, mode: 0o755) { storage throws(SIFError) in
      _ = try Image.create(creation, in: storage)
    }
  }
}
