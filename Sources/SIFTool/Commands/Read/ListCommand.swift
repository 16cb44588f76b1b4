import ArgumentParser
import CommandKit
import SIF
import StrictJSON

struct ListCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list", abstract: "List the data objects of an image.")

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  static var shortForm: ShortForm {
    ShortForm("list") { words in
      words.operand(PathArgument.self).map { image in { try show(image) } }
    }
  }

  func execute() throws { try Self.show(image, json: output.json, remote) }

  static func show(
    _ path: PathArgument, json: Bool = false, _ remote: RemoteImageOptions? = nil
  ) throws {
    let image = try path.readableImage(remote)
    if json {
      try Console.write(document: [image.header.jsonMember], list: image.objectList)
    } else {
      try Console.write(raw: ObjectListing.text(of: image.descriptors))
    }
  }
}
