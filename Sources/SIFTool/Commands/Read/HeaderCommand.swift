import ArgumentParser
import CommandKit
import SIF

struct HeaderCommand: ShowingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "header", abstract: "Display the global header of an image.")

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  static var shortForm: ShortForm {
    ShortForm("header") { words in
      words.operand(PathArgument.self).map { image in { try show(image, json: false) } }
    }
  }

  func execute() throws { try Self.show(image, json: output.json, remote) }

  static func show(_ image: PathArgument, json: Bool) throws { try show(image, json: json, nil) }

  private static func show(_ path: PathArgument, json: Bool, _ remote: RemoteImageOptions?) throws {
    let image = try path.readableImage(remote)
    if json {
      try Console.write(document: [image.header.jsonMember])
    } else {
      try Console.write(lines: image.header.fieldTable.lines())
    }
  }
}
