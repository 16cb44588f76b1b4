import ArgumentParser
import Bytes
import CommandKit
import Glibc
import LinuxSystem
import Singularity
import StrictJSON

/// The entry point: parses the command line, runs the command, and turns its outcome into an exit code.
@main
enum Main: ToolOperations {
  static func main() {
    // First, so that no file gets the number of a standard stream.
    Forking.fillStandardStreams()
    Forking.ignoreSignalsOfWriting()
    if let name = RuntimeName(calledAs: ArgumentBytes.programName) {
      exit(Int32(RuntimeCommandLine(name, Self.self).run(ArgumentBytes.commandLine)))
    }
    FrontEnd.current = .siftool
    exit(Int32(FrontEnd.current.code(run(ArgumentBytes.commandLine))))
  }

  static var options: OptionTable { .siftool }

  static func run(_ arguments: [String]) -> ExitStatus {
    do {
      if try ShortForm.run(arguments, SiftoolCommand.shortForms) { return .done }
    } catch {
      return report(error, of: nil, CommandLineGrammar.Line(command: Array(arguments.prefix(1))))
    }
    do throws(CommandLineGrammar.UsageError) {
      return run(try CommandLineGrammar(.siftool, otherNames: ["caps": "capability"]).read(arguments))
    } catch {
      return report(error)
    }
  }

  private static func report(_ error: CommandLineGrammar.UsageError) -> ExitStatus {
    report(
      ToolFailure.usage(ArgumentBytes.printable(error.sentence)), asJSON: error.wantsJSON,
      CommandLineGrammar.Line(command: error.command))
  }

  static func run(_ line: CommandLineGrammar.Line) -> ExitStatus {
    var line = line
    do throws(CommandLineGrammar.UsageError) {
      try OptionVariables.runtimes.add(to: &line, of: .siftool)
    } catch {
      return report(error)
    }
    let type = type(of: line)
    if line.parsersOwn == nil, let action = (type as? any LineCommand.Type)?.action(of: line),
      !CommandFiles.isNeeded
    {
      do {
        try action()
        return .done
      } catch {
        return report(error, of: nil, line)
      }
    }
    var command: any ParsableCommand
    do {
      command = try parse(line, as: type)
    } catch {
      return reportParsing(error, line)
    }
    do {
      try (command as? any ToolCommand)?.checkCommandLine(given: line.given)
    } catch {
      return report(ToolFailure(error), asJSON: line.wantsJSON, line)
    }
    do {
      try command.run()
      return .done
    } catch {
      return report(error, of: command, line)
    }
  }

  /// The command that a line names.
  private static func type(of line: CommandLineGrammar.Line) -> any ParsableCommand.Type {
    var type: any ParsableCommand.Type = SiftoolCommand.self
    for name in line.command {
      guard let next = type.configuration.subcommands.first(where: { $0.configuration.commandName == name })
      else { break }
      type = next
    }
    return type
  }

  /// The command with its options and operands.
  ///
  /// Alone, a command is parsed in less time than as one of all; those are asked for what help and errors say.
  private static func parse(
    _ line: CommandLineGrammar.Line, as type: any ParsableCommand.Type
  ) throws -> any ParsableCommand {
    let arguments = Array(line.arguments.dropFirst(line.command.count))
    if type is any ToolCommand.Type, let command = try? type.parseAsRoot(arguments) as? any ToolCommand {
      return command
    }
    return try SiftoolCommand.parseAsRoot(line.arguments)
  }

  /// Help and version are data; everything else that parsing throws is a usage error.
  private static func reportParsing(_ error: any Error, _ line: CommandLineGrammar.Line) -> ExitStatus {
    guard SiftoolCommand.exitCode(for: error) == .success else {
      return report(
        ToolFailure.usage(sentence(of: error, line.arguments)), asJSON: line.wantsJSON, line)
    }
    do {
      let text = SiftoolCommand.fullMessage(for: error)
      try Console.write(lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
      return .done
    } catch {
      return report(error, of: nil, line)
    }
  }

  /// The parser's message, as one sentence of ours.
  private static func sentence(of error: any Error, _ arguments: [String]) -> String {
    // The parser's own, for the scripts that offer completions.
    if arguments.first?.hasPrefix("---") ?? false { return "\(arguments[0]) is only for completion scripts" }
    // A value is quoted without its line ends, which would look like those of the message. One that begins with a dash is
    // joined to its option.
    let joined = arguments.compactMap { text in text.firstIndex(of: "=").map { text[$0...].dropFirst() } }
    let values = arguments + joined.map(String.init)
    let message = values.filter { $0.contains("\n") }.reduce(SiftoolCommand.message(for: error)) {
      $0.replacing($1, with: ArgumentBytes.printable($1))
    }
    let lines = message.replacing(". Please provide", with: ": give").split(separator: "\n").map { line in
      line.hasPrefix("  - ") ? line.dropFirst(4) + "," : line[...]
    }
    var sentence = lines.joined(separator: " ")
    while let last = sentence.last, ".,".contains(last) { sentence.removeLast() }
    sentence = ArgumentBytes.printable(sentence)
    guard let first = sentence.first, sentence.dropFirst().first?.isUppercase == false else {
      return sentence
    }
    return first.lowercased() + sentence.dropFirst()
  }

  private static func report(
    _ error: any Error, of command: (any ParsableCommand)?, _ line: CommandLineGrammar.Line
  ) -> ExitStatus {
    // Requests for help are thrown too, and so are the parser's own checks.
    if !(error is ToolFailure), !(error is any Fault),
      [.success, .validationFailure].contains(SiftoolCommand.exitCode(for: error))
    {
      return reportParsing(error, line)
    }
    let asJSON = (command as? any ToolCommand)?.printsJSON ?? line.wantsJSON
    return report(ToolFailure(error), asJSON: asJSON, line)
  }

  private static func report(
    _ failure: ToolFailure, asJSON: Bool, _ line: CommandLineGrammar.Line
  ) -> ExitStatus {
    var failure = failure
    if failure.status == .usage {
      failure = ToolFailure(.usage, code: failure.code, failure.message + line.origin(of: failure.message))
    }
    if asJSON, !failure.isReported {
      // If this cannot be written either, stderr still has the message.
      try? Console.write(document: [JSONMember("error", failure.json)])
    }
    if !failure.message.isEmpty { Console.say(failure.message, .failure) }
    if failure.status == .usage {
      if let text = FrontEnd.current.helpLine(line.command) { Console.note(text) }
    }
    return failure.status
  }
}
