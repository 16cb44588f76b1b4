import ArgumentParser
import CommandKit
import SIF
import StrictJSON

struct DiffCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "diff", abstract: "Compare two images field by field and object by object.",
    discussion: "The exit code is 0 if the images are the same, and 1 if they differ.")

  @Argument(help: "The first image.") var first: PathArgument
  @Argument(help: "The second image.") var second: PathArgument
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let differences = try Image(opening: first.path).differences(from: Image(opening: second.path))
    if output.json {
      try Console.write(document: [
        JSONMember("differences", .array(differences.map(\.json))),
        JSONMember("same", .bool(differences.isEmpty)),
      ])
    } else {
      try Console.write(lines: differences.map(\.description))
    }
    if !differences.isEmpty {
      var failure = ToolFailure(.failure, code: "different", "")
      failure.isReported = true
      throw failure
    }
  }
}
