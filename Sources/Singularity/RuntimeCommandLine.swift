import CommandKit
import LinuxSystem

/// A command line of the runtimes, run by the same operations as `siftool`'s.
package struct RuntimeCommandLine {
  private let name: RuntimeName
  private let tool: any ToolOperations.Type

  /// A command line for the program of this name.
  package init(_ name: RuntimeName, _ tool: any ToolOperations.Type) {
    self.name = name
    self.tool = tool
  }

  /// Runs it.
  ///
  /// - Parameter arguments: the words after the program's name.
  /// - Returns: the exit code of the process.
  package func run(_ arguments: [String]) -> UInt8 {
    var words = (name == .runSingularity ? ["--quiet", "run"] + arguments : arguments)[...]
    let globals: GlobalOptions
    do throws(RuntimeUsageError) {
      globals = try GlobalOptions(name, &words)
    } catch {
      return refuse("Error for command \"\(name.program)\": \(error.sentence)", usage: HelpText.summary(name))
    }
    FrontEnd.current = .runtime(name, globals)
    UserDirectories.called = name.family
    if globals.wantsVersion { return write(name.versionLine + "\n") }
    if globals.wantsHelp { return write(HelpText.whole(name)) }
    guard let first = words.first else {
      return refuse(
        "Error for command \"\(name.program)\": invalid command", usage: HelpText.summary(name))
    }
    if first == "help" { return help(words.dropFirst()) }
    if first == "completion" { return completion(words.dropFirst()) }
    guard let (verb, rest) = Verb.find(words) else { return refuseUnknown(words) }
    return run(verb, rest)
  }

  private func run(_ verb: Verb, _ words: ArraySlice<String>) -> UInt8 {
    if case .refused(let reason) = verb.work {
      return fail("\(name.program) \(verb.path.joined(separator: " ")) is not there: \(reason)")
    }
    if case .words(let target) = verb.work { return run(verb, words: target, Array(words)) }
    let options = verb.options(of: tool.options)
    let reading: RuntimeGrammar.Reading
    do throws(RuntimeUsageError) {
      reading = try RuntimeGrammar(options, stopsAtOperand: verb.startsProgram).read(words)
      guard !reading.wantsHelp else { return write(HelpText.of(verb, name, options)) }
      try check(reading.operands.count, of: verb)
    } catch {
      // An option of the runtimes that is not there has a better reason than that.
      if verb.startsProgram, error.sentence.hasPrefix("unknown flag: "),
        let option = error.sentence.split(separator: " ").last,
        let reason = RefusedOptions.reason(ofProgram: String(option))
      {
        return fail("\(option): \(reason)")
      }
      return refuse(
        "Error for command \"\(verb.name)\": \(error.sentence)", usage: HelpText.usage(of: verb, name))
    }
    for (option, _) in reading.options {
      if let reason = verb.missing[option.name] { return fail("--\(option.name): \(reason)") }
    }
    FrontEnd.current = FrontEnd.current.speaking(of: verb, reading.operands)
    switch verb.work {
    case .command(let target):
      var reading = reading
      return doing { try verb.prepare?(&reading) } ?? code(tool.run(line(of: verb, target, reading)))
    case .text(let text): return write(text(name))
    case .own(let action): return doing { try action(reading, name) } ?? 0
    case .words, .refused: return 0
    }
  }

  /// Does something, and says what failed.
  ///
  /// - Returns: the exit code, if it failed.
  private func doing(_ action: () throws -> Void) -> UInt8? {
    do {
      try action()
      return nil
    } catch {
      let failure = ToolFailure(error)
      if !failure.message.isEmpty { Console.say(failure.message, .failure) }
      return code(failure.status)
    }
  }

  /// `sif`, whose commands are `siftool`'s own.
  private func run(_ verb: Verb, words target: [String], _ words: [String]) -> UInt8 {
    FrontEnd.current = FrontEnd.current.speaking(of: verb, words)
    return code(tool.run(target + words))
  }

  /// The line of `siftool`'s command.
  private func line(
    of verb: Verb, _ target: [String], _ reading: RuntimeGrammar.Reading
  ) -> CommandLineGrammar.Line {
    var line = CommandLineGrammar.Line(command: target)
    line.operands = reading.operands
    for (option, value) in reading.options where !verb.idle.contains(option.name) {
      var option = option
      option.name = verb.names[option.name] ?? option.name
      line.given.insert(option.name)
      guard option.value == .none else {
        line.options.append(CommandLineGrammar.option(option, value ?? ""))
        continue
      }
      line.options.removeAll { $0.name == option.name }
      if value != "false" { line.options.append(.flag(option.name)) }
    }
    return line
  }

  private func check(_ count: Int, of verb: Verb) throws(RuntimeUsageError) {
    guard !verb.operands.contains(count) else { return }
    let (least, most) = (verb.operands.lowerBound, verb.operands.upperBound)
    throw RuntimeUsageError(
      most == Int.max
        ? "requires at least \(least) arg(s), only received \(count)"
        : least == most
          ? "accepts \(least) arg(s), received \(count)"
          : "accepts between \(least) and \(most) arg(s), received \(count)")
  }

  // MARK: Answers

  private func help(_ words: ArraySlice<String>) -> UInt8 {
    guard !words.isEmpty else { return write(HelpText.whole(name)) }
    guard let (verb, _) = Verb.find(words) else {
      if let group = words.first, Verb.isGroup(group) { return write(HelpText.group(group, name)) }
      return refuseUnknown(words)
    }
    return write(HelpText.of(verb, name, verb.options(of: tool.options)))
  }

  private func completion(_ words: ArraySlice<String>) -> UInt8 {
    guard let shell = words.first, let text = CompletionText.of(shell, name, tool.options) else {
      return refuse(
        "Error for command \"completion\": name a shell: bash, zsh or fish", usage: HelpText.summary(name))
    }
    return write(text)
  }

  private func refuseUnknown(_ words: ArraySlice<String>) -> UInt8 {
    let first = words.first ?? ""
    if Verb.isGroup(first) {
      let others = words.dropFirst()
      if let flag = others.first, ["-h", "--help"].contains(flag) {
        return write(HelpText.group(first, name))
      }
      return refuse("Error for command \"\(first)\": invalid command", usage: HelpText.group(first, name))
    }
    let near = HelpText.nearest(first).map { "\n\nDid you mean this?\n\t\($0)\n" } ?? ""
    return refuse(
      "Error: unknown command \"\(first)\" for \"\(name.program)\"\(near)", usage: HelpText.summary(name))
  }

  private func code(_ status: ExitStatus) -> UInt8 { FrontEnd.current.code(status) }

  private func write(_ text: String) -> UInt8 {
    do {
      try Console.write(raw: Array(text.utf8))
      return 0
    } catch {
      if !error.message.isEmpty { Console.say(error.message, .failure) }
      return 255
    }
  }

  private func fail(_ sentence: String) -> UInt8 {
    Console.say(sentence, .failure)
    return 255
  }

  /// A wrong command line. Its words may hold anything.
  private func refuse(_ sentence: String, usage: String) -> UInt8 {
    for line in sentence.split(separator: "\n", omittingEmptySubsequences: false) {
      Console.note(line.hasPrefix("\t") ? "    \(line.dropFirst())" : ArgumentBytes.printable(String(line)))
    }
    Console.note("")
    _ = write(usage)
    return 1
  }
}
