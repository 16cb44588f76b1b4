import ArgumentParser
import CommandKit
import StrictJSON

/// The version of this tool.
enum ToolVersion {
  static let number = "0.1.0"
  /// The Swift language version that it was built with, and the machine it runs on.
  static let runtime = "swift6.3 (linux/\(architecture))"
  /// The versions of the image format that it reads and writes.
  static let formats = "01"

  private static var architecture: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #else
      "unknown"
    #endif
  }
}

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
