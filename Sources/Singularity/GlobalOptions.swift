import CommandKit
import Glibc

/// The options before the command.
struct GlobalOptions {
  /// The least severe messages that are printed.
  private(set) var least = FrontEnd.Severity.note
  private(set) var isColoured = true
  private(set) var wantsHelp = false
  private(set) var wantsVersion = false

  private static let table = OptionTable(
    tool: "", lines: [": d/debug q/quiet s/silent v/verbose nocolor c/config= build-config h/help version"])

  /// Reads the options, and takes them from the words.
  init(_ name: RuntimeName, _ words: inout ArraySlice<String>) throws(RuntimeUsageError) {
    readVariables()
    guard let command = Self.table.command(at: []) else { return }
    let reading = try RuntimeGrammar(command.options, stopsAtOperand: true).read(words)
    words = reading.operands[...]
    wantsHelp = reading.wantsHelp
    for (option, value) in reading.options {
      let isOn = value != "false"
      switch option.name {
      case "quiet": least = isOn ? .warning : .note
      case "silent": least = isOn ? .failure : .note
      case "debug", "verbose": if isOn { least = .note }
      case "nocolor": isColoured = !isOn
      case "version": wantsVersion = isOn
      case "config":
        throw RuntimeUsageError(
          "--config: the site's settings are in /etc/\(name.program), and nothing replaces them")
      case "build-config": throw RuntimeUsageError("--build-config: builds need no settings of the site")
      default: break
      }
    }
  }

  private mutating func readVariables() {
    if let text = getenv("NO_COLOR"), text.pointee != 0 { isColoured = false }
    for prefix in ["SINGULARITY_", "APPTAINER_"] {
      func isOn(_ name: String) -> Bool {
        getenv(prefix + name).flatMap { TruthValue.read(String(cString: $0)) } ?? false
      }
      // As the runtimes count: 1 is the usual level, -1 is --quiet, -3 is --silent.
      if let level = getenv(prefix + "MESSAGELEVEL").flatMap({ Int(String(cString: $0)) }) {
        least = level >= 1 ? .note : level >= -1 ? .warning : .failure
      }
      if isOn("QUIET") { least = .warning }
      if isOn("SILENT") { least = .failure }
      if isOn("NOCOLOR") { isColoured = false }
    }
  }
}
