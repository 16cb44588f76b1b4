import ArgumentParser
import Bytes
import Glibc
import LinuxSystem
import StrictJSON

/// The entry point: parses the command line, runs the command, and turns its outcome into an exit code.
@main
enum Main {
  static func main() {
    // Before anything is opened.
    Forking.fillStandardStreams()
    // A reader that goes away is an error of write(2), not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    // So is a limit on the size of files.
    signal(SIGXFSZ, SIG_IGN)
    exit(run(ArgumentBytes.commandLine).rawValue)
  }

  private static func run(_ arguments: [String]) -> ExitStatus {
    do {
      if try ShortPath.run(arguments) { return .done }
    } catch {
      return report(error, of: nil)
    }
    var command: any ParsableCommand
    do {
      command = try SiftoolCommand.parseAsRoot(arguments)
    } catch {
      return reportUsage(error, asJSON: arguments.contains("--json"))
    }
    do {
      try command.run()
      return .done
    } catch {
      return report(error, of: command)
    }
  }

  /// Help and version are data; everything else that parsing throws is a usage error.
  private static func reportUsage(_ error: any Error, asJSON: Bool = false) -> ExitStatus {
    let message = message(of: error)
    guard SiftoolCommand.exitCode(for: error) == .success else {
      if asJSON {
        try? Console.write(document: [JSONMember("error", ToolFailure.usage(message).json)])
      }
      for line in message.split(separator: "\n", omittingEmptySubsequences: false) {
        Console.note(String(line))
      }
      return .usage
    }
    do {
      try Console.write(
        lines: message.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
      return .done
    } catch {
      return report(error, of: nil)
    }
  }

  /// What the parser has to say, in lines. An argument with a line end in it is quoted without.
  private static func message(of error: any Error) -> String {
    let arguments = ArgumentBytes.commandLine.filter { $0.contains("\n") }
    return arguments.reduce(SiftoolCommand.fullMessage(for: error)) {
      $0.replacing($1, with: VisibleText.line($1))
    }
  }

  private static func report(_ error: any Error, of command: (any ParsableCommand)?) -> ExitStatus {
    if error is ValidationError || error is CleanExit || error is ExitCode { return reportUsage(error) }
    let failure = ToolFailure(error)
    if let command = command as? any ToolCommand, command.printsJSON, !failure.isReported {
      // A failure to write this document too leaves the message on stderr.
      try? Console.write(document: [JSONMember("error", failure.json)])
    }
    if !failure.message.isEmpty { Console.note("siftool: \(failure.message)") }
    return failure.status
  }
}
