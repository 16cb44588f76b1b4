import CommandKit

/// What the program says about itself.
enum HelpText {
  /// The usage of one command.
  static func usage(of verb: Verb, _ name: RuntimeName) -> String {
    """
    Usage:
      \(name.program) [global options] \(line(of: verb))

    `\(name.program) help \(verb.path.joined(separator: " "))` lists the options.

    """
  }

  private static func line(of verb: Verb) -> String {
    (verb.path + ["[options]"] + (verb.usage.isEmpty ? [] : [verb.usage])).joined(separator: " ")
  }

  /// The help of one command.
  static func of(_ verb: Verb, _ name: RuntimeName, _ options: [OptionTable.Option]) -> String {
    let lines = options.map { option in
      let letter = option.letter.map { "-\($0), " } ?? "    "
      let value =
        switch option.value {
        case .none: ""
        case .one: " VALUE"
        case .list: " VALUE ..."
        }
      return "  \(letter)--\(option.name)\(value)"
    }
    return """
      \(verb.about).

      Usage:
        \(name.program) [global options] \(line(of: verb))

      Options:
      \((lines + ["  -h, --help"]).joined(separator: "\n"))

      `siftool \(target(of: verb)) --help` says what each of them does.

      """
  }

  private static func target(of verb: Verb) -> String {
    switch verb.work {
    case .command(let words), .words(let words): words.joined(separator: " ")
    default: "help"
    }
  }

  /// The help of several commands with the same first word.
  static func group(_ word: String, _ name: RuntimeName) -> String {
    list(Verb.all.filter { $0.path.first == word && !$0.about.isEmpty }, "\(name.program) \(word)", name)
  }

  /// The commands.
  static func summary(_ name: RuntimeName) -> String {
    list(Verb.all.filter { !$0.about.isEmpty }, "\(name.program) [global options]", name)
  }

  private static func list(_ verbs: [Verb], _ start: String, _ name: RuntimeName) -> String {
    let names = verbs.map { $0.path.joined(separator: " ") }
    let width = names.map(\.count).max() ?? 0
    let lines = zip(names, verbs).map { text, verb in
      "  \(text)\(String(repeating: " ", count: width - text.count + 2))\(verb.about)"
    }
    return """
      Usage:
        \(start) <command>

      Commands:
      \(lines.joined(separator: "\n"))

      `\(name.program) help <command>` says more.

      """
  }

  /// The help of the program.
  static func whole(_ name: RuntimeName) -> String {
    """
    Containers from SIF images, by the command line of \(name.program). This is siftool \(ToolVersion.number).

    \(summary(name))
    Global options:
      -q, --quiet     no notes
      -s, --silent    errors alone
      -d, --debug     taken, and without effect
      -v, --verbose   taken, and without effect
          --nocolor   no colours
      -h, --help
          --version

    """
  }

  /// The verb that was probably meant.
  static func nearest(_ word: String) -> String? {
    let names = Set(Verb.all.compactMap(\.path.first))
    let (best, distance) =
      names.sorted().map { ($0, editDistance($0, word)) }.min { $0.1 < $1.1 } ?? ("", Int.max)
    return distance <= 2 ? best : nil
  }

  /// The number of letters to insert, delete, replace or exchange.
  private static func editDistance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left.utf8), Array(right.utf8.prefix(64)))
    var rows = [Array(0...right.count)]
    for (i, letter) in left.enumerated() {
      var row = [i + 1]
      for (j, other) in right.enumerated() {
        var least = min(rows[i][j] + (letter == other ? 0 : 1), rows[i][j + 1] + 1, row[j] + 1)
        if i > 0, j > 0, letter == right[j - 1], left[i - 1] == other {
          least = min(least, rows[i - 1][j - 1] + 1)
        }
        row.append(least)
      }
      rows.append(row)
    }
    return rows[left.count][right.count]
  }
}
