import TestSupport
import Testing

/// Every line of the tables of spec/runtime-flags.md, tried on the tool.
@Suite struct RuntimeFlagsTests {
  private let fixture: ExecFixture

  init() throws { fixture = try ExecFixture() }

  /// The cells of the table under a heading, without the ticks of code.
  private static func rows(_ heading: String) throws -> [[String]] {
    let text = String(
      decoding: try Tool.read("\(Fixture.root)/spec/runtime-flags.md"), as: UTF8.self)
    let section = try #require(text.components(between: "\n## \(heading)\n", and: "\n## "))
    let lines = section.split(separator: "\n").filter { $0.hasPrefix("| ") }.dropFirst()
    return lines.map { line in
      line.split(separator: "|", omittingEmptySubsequences: false).dropFirst().dropLast().map {
        var cell = $0.drop { $0 == " " }
        while cell.last == " " { cell.removeLast() }
        return String(cell.replacing("`", with: ""))
      }
    }
  }

  /// Runs command lines of siftool one after the other, as root and as nobody. The answers hold both streams, and the
  /// status at the end.
  private func answers(_ commands: [String]) throws -> [(user: String, answers: [String])] {
    let lines = commands.map {
      "\($0) < /dev/null 2>&1 | head -c 20000; echo \"=${PIPESTATUS[0]}\"; echo '~~~'"
    }
    try fixture.directory.write("script", "export LC_ALL=C\n" + lines.joined(separator: "\n"))
    try Shell.check("chmod 644 script", in: fixture.directory)
    return try [
      ("root", fixture.root("exec bash script")), ("nobody", fixture.ordinary("exec bash script")),
    ].map { user, answer in
      let parts = answer.text.split(separator: "~~~\n", omittingEmptySubsequences: false).map(
        String.init)
      try #require(parts.count == commands.count + 1, "\(answer.errors)")
      return (user, Array(parts.dropLast()))
    }
  }

  private static func command(_ text: String) -> String {
    let first = text.split(separator: " ").first.map(String.init) ?? ""
    let known = ["run", "shell", "test"]
    if text.hasPrefix("instance start") {
      return "siftool \(text) plain.sif flags; siftool instance stop flags"
    }
    return "siftool \(known.contains(first) ? text : "exec \(text)") plain.sif true"
  }

  /// An option that is taken is no usage error; one that is refused is, and is named.
  @Test func options() throws {
    let rows = try Self.rows("Options of exec, run, shell, test, instance start and instance run")
    try #require(rows.count > 80)
    for (user, answers) in try answers(rows.map { Self.command($0[2]) }) {
      for (row, answer) in zip(rows, answers) {
        let name = row[0].split(separator: " ").last.map(String.init) ?? ""
        let isUsage = answer.hasSuffix("=64\n")
        switch row[1] {
        case "refused":
          #expect(
            isUsage && answer.contains(name) && !answer.contains("no option \(name)\n"),
            "\(user): \(name): \(answer)")
        case "honoured", "differs":
          let isRoots = user != "root" && row[3].contains("Root's")
          #expect(!isUsage || isRoots && answer.contains(name), "\(user): \(name): \(answer)")
        default: Issue.record("\(name) is \(row[1])")
        }
      }
    }
  }

  @Test(arguments: ["Options before the command", "Other commands"])
  func commands(heading: String) throws {
    let rows = try Self.rows(heading)
    try #require(rows.count > 8)
    for (user, answers) in try answers(rows.map { "siftool \($0[2])" }) {
      for (row, answer) in zip(rows, answers) {
        let isRefused = row[1] == "refused"
        #expect(answer.hasSuffix(isRefused ? "=64\n" : "=0\n"), "\(user): \(row[0]): \(answer)")
        // Options that the remark names are in the help.
        for option in isRefused ? [] : row[3].matches(of: /--[a-z-]+/).map({ String($0.output) }) {
          #expect(heading.hasPrefix("Options") || answer.contains(option), "\(row[0]) \(option)")
        }
      }
    }
  }

  /// `config check` says of each directive what the table says.
  @Test func directives() throws {
    let rows = try Self.rows("Directives of singularity.conf and apptainer.conf")
    try #require(rows.count > 60)
    let lines = rows.map { "\($0[0]) = \($0[2])" }.joined(separator: "\n")
    try fixture.directory.write("conf", lines + "\n")
    let answer = try fixture.root(
      """
      set -e; mkdir -p etc/singularity; cp conf etc/singularity/singularity.conf; cp /etc/passwd /etc/group etc/
      chown -R 0:0 etc; chmod -R go-w etc
      exec unshare -m sh -c 'mount --bind etc /etc && exec siftool config check'
      """)
    let states = answer.text.split(separator: "\n").compactMap { line in
      line.split(separator: ": ").dropFirst(2).first.map(String.init)
    }
    try #require(states.count == rows.count, "\(answer.text) \(answer.errors)")
    for (row, state) in zip(rows, states) { #expect(row[1] == state, "\(row[0])") }
  }

  /// A wrong value of an option's variable is refused with the variable's name; what is ignored changes nothing.
  @Test func variables() throws {
    let rows = try Self.rows("Variables")
    try #require(rows.count > 100)
    let prefixes = ["SINGULARITY_", "APPTAINER_"]
    for prefix in prefixes {
      let commands = rows.map { row in
        "env '\(prefix)\(row[0])=\(row[1] == "ignored" ? "x" : row[3])' siftool exec plain.sif /bin/env"
      }
      for (user, answers) in try answers(commands) {
        for (row, answer) in zip(rows, answers) {
          let name = prefix + row[0]
          if row[1] == "ignored" {
            #expect(
              answer.hasSuffix("=0\n") && !answer.contains("\(name)=x\n"),
              "\(user): \(name): \(answer)")
          } else if !row[3].isEmpty {
            let isNamed = !answer.contains(" \(row[2])") || answer.contains(name)
            #expect(!answer.hasSuffix("=0\n") && isNamed, "\(user): \(name): \(answer)")
          }
        }
      }
    }
  }

  @Test func otherVariables() throws {
    let rows = try Self.rows("Variables that are not options")
    try #require(rows.count > 12)
    let commands = rows.map {
      "env '\($0[0])' siftool exec \($0[2].contains("--cleanenv, too") ? "--cleanenv" : "") plain.sif /bin/env"
    }
    for (user, answers) in try answers(commands) {
      for (row, answer) in zip(rows, answers) {
        let (isAbsent, start) = (row[1].hasPrefix("-"), row[1].drop { $0 == "-" })
        let has = answer.split(separator: "\n").contains { $0.hasPrefix(start) }
        #expect(answer.hasSuffix("=0\n") && has != isAbsent, "\(user): \(row[0]): \(answer)")
      }
    }
  }
}

extension String {
  /// What stands between two texts, or between the first one and the end.
  func components(between start: String, and end: String) -> Substring? {
    guard let from = ranges(of: start).first?.upperBound else { return nil }
    let rest = self[from...]
    return rest.ranges(of: end).first.map { rest[..<$0.lowerBound] } ?? rest
  }
}
