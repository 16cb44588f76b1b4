import Glibc
import StrictJSON
import TestSupport
import Testing

/// One grammar for every command and every one of its options, by what the tool's own help says that there is.
@Suite struct CommandGrammarTests {
  private struct Option {
    let names: [String]
    let isFlag: Bool
    let isList: Bool

    var long: String { names.first { $0.hasPrefix("--") } ?? names[0] }
    var short: String? { names.first { !$0.hasPrefix("--") } }
  }

  private struct Command {
    let path: [String]
    let options: [Option]
    let hasCommands: Bool
    let startsProgram: Bool

    var name: String { path.isEmpty ? "siftool" : path.joined(separator: " ") }

    func has(_ name: String) -> Bool { options.contains { $0.names.contains(name) } }
  }

  private static func commands() throws -> [Command] {
    let help = try JSONParser.parse(try Siftool.check("--experimental-dump-help").output)
    func all(_ command: JSONValue, _ path: [String]) -> [Command] {
      let options = (command["arguments"]?.elements ?? []).compactMap { argument -> Option? in
        guard let kind = argument["kind"]?.text, kind != "positional" else { return nil }
        let names = (argument["names"]?.elements ?? []).compactMap { name -> String? in
          name["name"]?.text.map { (name["kind"]?.text == "short" ? "-" : "--") + $0 }
        }
        return Option(names: names, isFlag: kind == "flag", isList: argument["isRepeating"]?.bool ?? false)
      }
      let inner = (command["subcommands"]?.elements ?? []).filter { $0["commandName"]?.text != "help" }
      let startsProgram = (command["arguments"]?.elements ?? []).contains {
        $0["kind"]?.text == "positional" && $0["parsingStrategy"]?.text == "allRemainingInput"
      }
      return [
        Command(path: path, options: options, hasCommands: !inner.isEmpty, startsProgram: startsProgram)
      ]
        + inner.flatMap { all($0, path + [$0["commandName"]?.text ?? ""]) }
    }
    return all(try #require(help["command"]), [])
  }

  /// The one shape of usage errors: a sentence, and the command that helps.
  private func expectUsage(
    _ arguments: [String], _ sentence: String, _ command: Command,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answer = try Siftool.run(arguments)
    let help = (["siftool"] + command.path + ["--help"]).joined(separator: " ")
    #expect(answer.status == 64, "\(arguments)", sourceLocation: sourceLocation)
    #expect(
      answer.errors == "siftool: \(sentence)\nTry '\(help)'.\n", "\(arguments)",
      sourceLocation: sourceLocation)
    if !arguments.contains("--json") {
      #expect(answer.output.isEmpty, "\(arguments)", sourceLocation: sourceLocation)
    }
  }

  @Test func theTableIsWhatTheHelpSays() throws {
    let script = "\(Fixture.root)/Scripts/make-option-table.py"
    let table = try Tool.check(["python3", script, Fixture.siftool]).text
    #expect(
      table
        == String(
          decoding: try Tool.read("\(Fixture.root)/Sources/SIFTool/SiftoolOptions.swift"), as: UTF8.self))
  }

  @Test func helpIsExactlyThat() throws {
    for command in try Self.commands() {
      let help = try Siftool.check(command.path + ["--help"])
      #expect(help.text.contains("USAGE: siftool"))
      #expect(try Siftool.check(command.path + ["-h"]).output == help.output, "\(command.name)")
      for argument in ["-H/home/x", "-W/scratch", "-xh", "-hx", "-hh", "-h=x"] {
        let letter = "-\(argument.dropFirst().first ?? "?")"
        if command.has(letter), letter != "-h" { continue }
        try expectUsage(
          command.path + [argument, "x"], "\(command.name) has no option \(letter) (in \(argument))", command)
      }
    }
  }

  @Test func unknownOptionsAreNamed() throws {
    for command in try Self.commands() {
      try expectUsage(command.path + ["--no-such"], "\(command.name) has no option --no-such", command)
      // Also before all that are known.
      let known = command.options.filter { $0.long != "--help" }.flatMap {
        $0.isFlag ? [$0.long] : [$0.long, "x"]
      }
      try expectUsage(
        command.path + ["--no-such", "x"] + known + ["x"], "\(command.name) has no option --no-such", command)
    }
  }

  @Test func valuesOfEveryOption() throws {
    for command in try Self.commands() {
      for option in command.options where option.long != "--help" {
        for name in option.names {
          if option.isFlag {
            try expectUsage(
              command.path + [name + "=x"],
              "\(name) takes no value\(command.startsProgram ? " but true or false" : "")", command)
            continue
          }
          try expectUsage(command.path + [name], "\(name) needs a value", command)
          if name != "--memory-swap", name != "--pids-limit" {
            try expectUsage(command.path + [name, "--json", "x"], "\(name) needs a value", command)
          }
          if !option.isList {
            try expectUsage(
              command.path + ["\(name)=1", option.long, "1"],
              "\(option.long) is given twice, and takes one value",
              command)
          }
        }
      }
    }
  }

  @Test func everyOptionHasALongName() throws {
    for command in try Self.commands() {
      for option in command.options {
        #expect(option.long.hasPrefix("--"), "\(command.name) \(option.names)")
      }
    }
  }

  @Test func threadsAreTheSameEverywhere() throws {
    for command in try Self.commands() where command.has("--threads") {
      for count in ["0", "-1", "257", "999"] {
        try expectUsage(
          command.path + ["--threads=\(count)", "x", "y"], "--threads must be between 1 and 256", command)
      }
    }
  }

  @Test func sizesAreTheSameEverywhere() throws {
    var count = 0
    for command in try Self.commands() {
      for option in command.options where Self.sizes.contains(option.long) {
        count += 1
        for bad in ["", "x", "1x", "1..5G", "1.5", "1Z", "99999999999999999999", "99999999E"] {
          try expectUsage(
            command.path + ["\(option.long)=\(bad)", "x", "y"],
            "the value '\(bad)' is invalid for '\(option.long) <size>'",
            command)
        }
        for good in ["64K", "64k", "64KiB", "0.0625M", "65536", "64KB"] {
          let answer = try Siftool.run(command.path + [option.long, good, "/nonexistent", "/nonexistent"])
          #expect(
            !answer.errors.contains("invalid"), "\(command.name) \(option.long) \(good): \(answer.errors)")
        }
      }
    }
    #expect(count > 15)
  }

  private static let sizes = [
    "--limit", "--memory", "--memory-reservation", "--memory-swap", "--luks-offset", "--sector-size",
    "--block-size",
    "--kdf-memory", "--alignment",
  ]

  @Test func oneFormOfOutput() throws {
    for command in try Self.commands() where command.has("--json") {
      for other in ["--ndjson", "--dfxml", "--long"] where command.has(other) {
        let answer = try Siftool.run(command.path + ["--json", other, "x"])
        #expect(answer.status == 64, "\(command.name) \(other)")
        #expect(answer.errors.contains("exclude"), "\(answer.errors)")
        #expect(try JSONParser.parse(answer.output)["error"]?["code"]?.text == "usage")
      }
    }
  }

  /// Whatever is wrong, usage errors have one shape.
  @Test func usageErrorsHaveOneShape() throws {
    let directory = try Scratch()
    let image = directory.file("image.sif")
    try Tool.check(["mkdir", directory.file("rootfs")])
    try Siftool.check("pack", directory.file("rootfs"), image, "--arch", "amd64")
    for arguments in [
      ["list"], ["list", image, image], ["info", "one", image], ["add", image, image], ["exec", image],
      ["exec", "--writable-tmpfs", "--underlay", image, "ls"], ["hash", "--algorithm", "x", image],
      ["add", image, image, "--datatype", "12"], ["pack", image, "-"], ["exec", "docker://X", "ls"],
      ["exec", "--blkio-weight-device", "x", image, "ls"], ["cat", image], ["grow", image],
      ["completion", "csh"],
      ["encrypt", image, "x", "--passphrase-file", "x", "--pem-path", "x"], ["mount", image],
    ] {
      let answer = try Siftool.run(arguments, in: directory)
      #expect(answer.status == 64, "\(arguments)")
      let lines = answer.errors.split(separator: "\n")
      #expect(
        lines.count == 2 && lines.first?.hasPrefix("siftool: ") ?? false, "\(arguments): \(answer.errors)")
      #expect(lines.last == "Try 'siftool \(arguments[0]) --help'.", "\(arguments): \(answer.errors)")
    }
  }

  @Test func valuesJoinedToLetters() throws {
    let directory = try Scratch()
    let image = try directory.write("image.sif", try Fixture.read("images/plain-types.sif"))
    for form in [["-oX"], ["-o=X"], ["-o", "X"], ["-qoX"], ["--output=X"]] {
      let report = directory.file("report")
      try Siftool.check(["report", image, "--deterministic"] + form.map { $0.replacing("X", with: report) })
      #expect(unlink(report) == 0, "\(form)")
    }
  }
}
