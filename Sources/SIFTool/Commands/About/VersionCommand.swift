import ArgumentParser
import CommandKit
import StrictJSON

struct VersionCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "version", abstract: "Display the versions of the tool and of the image format.")

  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let table = FieldTable(fields: [
      Field("Version", ToolVersion.number, json: JSONMember("version", .string(ToolVersion.number))),
      Field("Runtime", ToolVersion.runtime, json: JSONMember("runtime", .string(ToolVersion.runtime))),
      Field("Spec", ToolVersion.formats, json: JSONMember("formats", [.string(ToolVersion.formats)])),
    ])
    if output.json {
      try Console.write(document: table.members)
    } else {
      try Console.write(lines: table.lines(gap: 2))
    }
  }
}
