import CommandKit

/// Scripts that let shells complete commands and options.
enum CompletionText {
  /// The script for a shell; nil for one that is not known.
  static func of(_ shell: String, _ name: RuntimeName, _ table: OptionTable) -> String? {
    switch shell {
    case "bash": bash(name, table)
    case "zsh": "autoload -U +X bashcompinit && bashcompinit\n" + bash(name, table)
    case "fish": fish(name, table)
    default: nil
    }
  }

  private static func names(_ verb: Verb, _ table: OptionTable) -> String {
    verb.options(of: table).map { "--\($0.name)" }.joined(separator: " ")
  }

  private static func bash(_ name: RuntimeName, _ table: OptionTable) -> String {
    let groups = Set(Verb.all.filter { $0.path.count > 1 }.compactMap(\.path.first)).sorted()
    let first = Set(Verb.all.compactMap(\.path.first)).sorted().joined(separator: " ")
    let inner = groups.map { group in
      let words = Verb.all.filter { $0.path.count > 1 && $0.path[0] == group }.map { $0.path[1] }
      return "    \"\(group) \") words=\"\(words.joined(separator: " "))\" ;;"
    }
    let options = Verb.all.map { verb in
      "    \"\(verb.path.joined(separator: " ")) \"*) options=\"\(names(verb, table))\" ;;"
    }
    return """
      _\(name.program)() {
        local word=${COMP_WORDS[COMP_CWORD]} line="" words="" options="" index
        for ((index = 1; index < COMP_CWORD; index++)); do
          case ${COMP_WORDS[index]} in -*) ;; *) line+="${COMP_WORDS[index]} " ;; esac
        done
        case $line in
          "") words="\(first)" ;;
      \(inner.joined(separator: "\n"))
        esac
        case $line in
      \(options.joined(separator: "\n"))
        esac
        case $word in -*) words=$options ;; esac
        COMPREPLY=($(compgen -W "$words" -- "$word"))
      }
      complete -o default -F _\(name.program) \(name.program)

      """
  }

  private static func fish(_ name: RuntimeName, _ table: OptionTable) -> String {
    var lines: [String] = []
    for verb in Verb.all where !verb.about.isEmpty {
      let condition =
        verb.path.count == 1
        ? "__fish_use_subcommand" : "__fish_seen_subcommand_from \(verb.path[0])"
      lines.append("complete -c \(name.program) -n '\(condition)' -a \(verb.name) -d '\(verb.about)'")
      for option in verb.options(of: table) {
        let letter = option.letter.map { " -s \($0)" } ?? ""
        let value = option.value == .none ? "" : " -r"
        lines.append(
          "complete -c \(name.program) -n '__fish_seen_subcommand_from \(verb.name)' -l \(option.name)\(letter)\(value)"
        )
      }
    }
    return lines.map { "\($0)\n" }.joined()
  }
}
