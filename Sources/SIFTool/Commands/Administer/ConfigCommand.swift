import ArgumentParser
import CommandKit
import ExecutionControl
import StrictJSON

struct ConfigCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "config", abstract: "Read and change the administrators' configuration.",
    subcommands: [ConfigCheckCommand.self, ConfigFakerootCommand.self])
}

struct ConfigCheckCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "check", abstract: "Say what each directive of the configuration does here.",
    discussion: """
      Reads /etc/singularity/singularity.conf and /etc/apptainer/apptainer.conf as exec does. A directive is honoured, limits \
      the images that may be run, has no effect here for the reason that is printed, or is unknown.
      """)

  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let lines = try SiteSettings.account()
    if output.json {
      return try Console.write(document: [
        JSONMember(
          "directives",
          .array(
            lines.map { line in
              var members: [JSONMember] = [
                JSONMember("file", .string(line.file.string)),
                JSONMember("directive", .string(line.directive)),
                JSONMember("value", .string(line.value)),
                JSONMember("effect", .string(Self.word(line.effect))),
              ]
              if case .none(let reason) = line.effect {
                members.append(JSONMember("reason", .string(reason)))
              }
              return .object(members)
            }))
      ])
    }
    for line in lines {
      var text = "\(line.file.string): \(line.directive) = \(line.value): \(Self.word(line.effect))"
      if case .none(let reason) = line.effect { text += ": \(reason)" }
      try Console.write(line: text)
    }
  }

  private static func word(_ effect: SiteSettings.Effect) -> String {
    switch effect {
    case .honoured: "honoured"
    case .limits: "limits images"
    case .none: "no effect"
    case .unknown: "unknown"
    }
  }
}
