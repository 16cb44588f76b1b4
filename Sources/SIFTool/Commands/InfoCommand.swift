import ArgumentParser
import SIF
import StrictJSON

struct InfoCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "info", abstract: "Display what is known of a data object.")

  @Argument(help: "The object's id.") var id: ObjectID
  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws { try Self.show(id, image, json: output.json) }

  static func show(_ id: ObjectID, _ path: PathArgument, json: Bool = false) throws {
    let table = try Image(opening: path.path).object(id: id.value).fieldTable
    if json {
      try Console.write(document: [JSONMember("object", .object(table.members))])
    } else {
      try Console.write(table.text(indent: 2, gap: 2))
    }
  }
}
