/// The `siftool` under test, run as from a terminal.
public enum Siftool {
  /// Runs a command: `try Siftool.run("list", image)`.
  ///
  /// - Parameters:
  ///   - arguments: the arguments after the tool's name.
  ///   - input: its standard input.
  ///   - environment: variables, besides those that ``Tool/run(_:input:environment:in:)`` sets.
  ///   - home: the working directory, which is also the home.
  public static func run(
    _ arguments: String..., input: [UInt8] = [], environment: [String: String] = [:], in home: Scratch? = nil
  ) throws -> ToolAnswer {
    try run(arguments, input: input, environment: environment, in: home)
  }

  /// Runs a command whose arguments are in a list.
  public static func run(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:], in home: Scratch? = nil
  ) throws -> ToolAnswer {
    try start(arguments, input: input, environment: environment, in: home).wait()
  }

  /// Runs a command that has to succeed.
  @discardableResult
  public static func check(
    _ arguments: String..., input: [UInt8] = [], environment: [String: String] = [:], in home: Scratch? = nil
  ) throws -> ToolAnswer {
    try check(arguments, input: input, environment: environment, in: home)
  }

  /// Runs a command that has to succeed, whose arguments are in a list.
  @discardableResult
  public static func check(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:], in home: Scratch? = nil
  ) throws -> ToolAnswer {
    try Tool.check(
      [Fixture.siftool] + arguments, input: input, environment: variables(environment, home), in: home?.path)
  }

  /// Starts a command.
  public static func start(
    _ arguments: String..., input: [UInt8] = [], environment: [String: String] = [:], in home: Scratch? = nil
  ) throws -> RunningTool {
    try start(arguments, input: input, environment: environment, in: home)
  }

  /// Starts a command whose arguments are in a list.
  public static func start(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:], in home: Scratch? = nil
  ) throws -> RunningTool {
    try Tool.start(
      [Fixture.siftool] + arguments, input: input, environment: variables(environment, home), in: home?.path)
  }

  /// Runs a command and measures the most memory that it holds at once, in bytes.
  public static func measure(_ arguments: [String]) throws -> (answer: ToolAnswer, peakMemory: Int) {
    try Tool.measure([Fixture.siftool] + arguments)
  }

  private static func variables(_ given: [String: String], _ home: Scratch?) -> [String: String] {
    guard let home else { return given }
    return ["HOME": home.path].merging(given) { $1 }
  }
}

/// Scripts of a shell that finds the `siftool` under test in its PATH.
public enum Shell {
  /// Runs a script.
  ///
  /// - Parameters:
  ///   - script: the argument of `sh -c`.
  ///   - shell: the shell.
  ///   - directory: the working directory; nil for this process's.
  public static func run(
    _ script: String, with shell: String = "sh", environment: [String: String] = [:],
    in directory: Scratch? = nil
  ) throws -> ToolAnswer {
    try Tool.run(command(script, shell), environment: environment, in: directory?.path)
  }

  /// Runs a script, each of whose commands has to succeed.
  @discardableResult
  public static func check(
    _ script: String, with shell: String = "sh", environment: [String: String] = [:],
    in directory: Scratch? = nil
  ) throws -> ToolAnswer {
    try Tool.check(command("set -e; \(script)", shell), environment: environment, in: directory?.path)
  }

  private static func command(_ script: String, _ shell: String) -> [String] {
    let place = Fixture.siftool.split(separator: "/").dropLast().map { "/\($0)" }.joined()
    return [shell, "-c", "PATH=\(place):$PATH; \(script)"]
  }
}
