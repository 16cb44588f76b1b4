import ArgumentParser
import CommandKit
import Partitions
import SIF
import StrictJSON

struct InfoCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "info", abstract: "Display the facts about a data object.",
    discussion: """
      For an encrypted partition, --encryption and --json show what its header says; that needs no key. If an option \
      gives the key, the partition is also opened.
      """)

  @Argument(help: "The object's id.") var id: ObjectID
  @Argument(help: "The image.") var image: PathArgument
  @Flag(help: "Also show how the partition is encrypted.") var encryption = false
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  static var shortForm: ShortForm {
    ShortForm("info") { words in
      guard let id = words.operand(ObjectID.self), let image = words.operand(PathArgument.self) else {
        return nil
      }
      return { try show(id, image) }
    }
  }

  func execute() throws {
    guard output.json || encryption || key.source.isNamed else { return try Self.show(id, image, remote) }
    let image = try image.readableImage(remote)
    let object = try image.object(id: id.value)
    var budget = ContentBudget(fileSize: image.fileSize)
    let facts = try image.encryptionFacts(of: object, &budget)
    let opened = try key.source.isNamed ? OpenedVolumeFields(object, in: image, key.source) : nil
    if output.json {
      try Console.write(document: [
        JSONMember("object", object.json),
        JSONMember("encryption", facts.map { VolumeFields.json(of: object.id, $0) } ?? .null),
        JSONMember("opened", opened?.json ?? .null),
      ])
    } else {
      try Console.write(lines: object.fieldTable.lines(indent: 2, gap: 2))
      if let facts { try Console.write(lines: VolumeFields.lines(of: object.id, facts)) }
      if let opened { try Console.write(lines: opened.lines) }
    }
  }

  static func show(_ id: ObjectID, _ path: PathArgument, _ remote: RemoteImageOptions? = nil) throws {
    let table = try path.readableImage(remote).object(id: id.value).fieldTable
    try Console.write(lines: table.lines(indent: 2, gap: 2))
  }
}
