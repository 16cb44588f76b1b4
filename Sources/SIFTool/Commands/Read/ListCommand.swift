import ArgumentParser
import CommandKit
import SIF
import StrictJSON

struct ListCommand: ShowingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list", abstract: "List the data objects of an image.")

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  static var shortForm: ShortForm {
    ShortForm("list") { words in
      words.operand(PathArgument.self).map { image in { try show(image, json: false) } }
    }
  }

  func execute() throws { try Self.show(image, json: output.json, remote) }

  static func show(_ image: PathArgument, json: Bool) throws { try show(image, json: json, nil) }

  private static func show(_ path: PathArgument, json: Bool, _ remote: RemoteImageOptions?) throws {
    let image = try path.readableImage(remote)
    if json {
      try Console.write(document: [image.header.jsonMember], list: image.objectList)
    } else {
      try Console.write(raw: ObjectListing.text(of: image.descriptors))
    }
  }
}
