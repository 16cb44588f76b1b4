import ArgumentParser
import CommandKit
import Glibc
import Instances
import LinuxSystem
import SIFRuntime
import StrictJSON

struct InstanceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "instance", abstract: "Run containers in the background.",
    discussion: """
      An instance is a container with a name. It stays when its program has ended, until it is stopped. exec, run, shell and \
      test take instance://NAME in place of an image.

      siftool instance start web.sif web1
      siftool exec instance://web1 ps
      siftool instance stop web1
      """,
    subcommands: [
      InstanceStartCommand.self, InstanceRunCommand.self, InstanceListCommand.self, InstanceStopCommand.self,
      InstanceStatsCommand.self,
    ])
}

struct InstanceStartCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "start", abstract: "Start an instance with the image's startscript.",
    discussion: """
      The command returns when the startscript runs. What it prints goes to log files, which `instance list --logs` names. \
      Options go before the image; everything after the name belongs to the startscript.
      """)

  @OptionGroup var container: ContainerOptionGroup
  @OptionGroup var service: ServiceOptions
  @Argument(help: "The image.") var image: PathArgument
  @Argument(help: "The name of the instance.") var name: String
  @Argument(parsing: .captureForPassthrough, help: "The arguments of the startscript.") var arguments:
    [BytesArgument] = []

  func execute() throws {
    try container.request.startInstance(name, of: image, .start(arguments.map(\.bytes)), service)
  }
}

struct InstanceRunCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "run", abstract: "Start an instance with the image's runscript.",
    discussion: "As `instance start`, but with the runscript in place of the startscript.")

  @OptionGroup var container: ContainerOptionGroup
  @OptionGroup var service: ServiceOptions
  @Argument(help: "The image.") var image: PathArgument
  @Argument(help: "The name of the instance.") var name: String
  @Argument(parsing: .captureForPassthrough, help: "The arguments of the runscript.") var arguments:
    [BytesArgument] = []

  func execute() throws {
    try container.request.startInstance(name, of: image, .run(arguments.map(\.bytes)), service)
  }
}

/// The options of `instance start` and `instance run`.
struct ServiceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Write the number of the instance's first process to a file.", valueName: "file"))
  var pidFile: OutputArgument?
  @Flag(
    help: ArgumentHelp(
      "Start the image's /sbin/init as the first process, in place of a script (root only).",
      discussion: "The instance gets what --contain, --net and --uts give, and its name as the host name."))
  var boot = false
}

/// The user whose instances are meant.
struct InstanceUserOption: ParsableArguments {
  @Option(name: [.customShort("u"), .long], help: "Look at the instances of this user (root only).") var user:
    String?

  var store: InstanceStore {
    get throws { try InstanceStore(ofUser: user) }
  }
}

struct InstanceListCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list", abstract: "List running instances.", discussion: "Lists your instances on this host."
  )

  @Argument(help: "A pattern of names.") var pattern = "*"
  @Flag(name: [.customShort("l"), .long], help: "Show the log files instead of the image.") var logs = false
  @Flag(name: [.customShort("a"), .long], help: "Also list the containers of --sharens.") var all = false
  @OptionGroup var user: InstanceUserOption
  @OptionGroup(title: "Output") var output: InstanceJSONOption

  var printsJSON: Bool { output.json }

  func validate() throws {
    guard !logs || !output.json else { throw ValidationError("--logs and --json exclude each other") }
  }

  func execute() throws {
    let reporter = Reporter()
    let instances = try user.store.list(matching: pattern) { reporter.warn($0.message) }.filter {
      all || !SharedContainer.isName($0.name)
    }
    if output.json {
      return try Console.write(document: [
        JSONMember(
          "instances",
          .array(
            instances.map { one in
              .object([
                JSONMember("instance", .string(one.name)),
                JSONMember("pid", .integer(Int64(one.container.process))),
                JSONMember("img", .string(one.container.image.string)), JSONMember("ip", .string("")),
                JSONMember("logErrPath", .string(one.errorLog.string)),
                JSONMember("logOutPath", .string(one.outputLog.string)),
              ])
            }))
      ])
    }
    var rows = [logs ? ["INSTANCE NAME", "PID", "LOGS"] : ["INSTANCE NAME", "PID", "IP", "IMAGE"]]
    for one in instances {
      let start = [one.name, "\(one.container.process)"]
      if logs {
        rows += [start + [one.errorLog.string], ["", "", one.outputLog.string]]
      } else {
        rows.append(start + ["", one.container.image.string])
      }
    }
    try Console.write(lines: TableText.lines(rows))
  }
}

/// `--json`, also by its short name, as in the runtimes.
struct InstanceJSONOption: ParsableArguments {
  @Flag(name: [.customShort("j"), .long], help: "Print one JSON document.") var json = false
}

/// Tables as the runtimes print them: columns are four blanks apart.
enum TableText {
  static func lines(_ rows: [[String]]) -> [String] {
    let columns = rows.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      rows.map { column < $0.count ? $0[column].count : 0 }.max() ?? 0
    }
    return rows.map { row in
      row.enumerated().map { index, cell in
        index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count + 4)
      }.joined()
    }
  }
}

struct InstanceStopCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "stop", abstract: "Stop instances.",
    discussion: """
      The instance's first process passes the signal on to its program. An instance that has not ended in time is killed \
      with all its processes.
      """)

  @Argument(help: "The name of an instance, or a pattern.") var name: String?
  @Flag(name: [.customShort("a"), .long], help: "Stop all your instances.") var all = false
  @Flag(name: [.customShort("F"), .long], help: "Kill at once.") var force = false
  @Option(
    name: [.customShort("s"), .long],
    help: ArgumentHelp("The signal, by name or number (default: SIGINT).", valueName: "signal"))
  var signal: SignalArgument?
  @Option(
    name: [.customShort("t"), .long],
    help: ArgumentHelp("Seconds after which an instance is killed.", valueName: "seconds"))
  var timeout: UInt32 = 10
  @OptionGroup var user: InstanceUserOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func validate() throws {
    guard (name != nil) != all else { throw ValidationError("name an instance, or give --all") }
    guard !force || signal == nil else { throw ValidationError("--force and --signal exclude each other") }
  }

  func execute(_ reporter: Reporter) throws {
    let instances = try user.store.list(matching: name ?? "*") { reporter.warn($0.message) }
    guard !instances.isEmpty else {
      throw InstanceError(.notFound, name.map { "no instance \($0) runs" } ?? "no instance runs")
    }
    var stopper = InstanceStopper()
    stopper.signal = force ? SIGKILL : signal?.number ?? SIGINT
    stopper.patience = Double(timeout)
    stopper.onStop = {
      reporter.note(
        .instanceStopping(
          name: $0.name, image: $0.container.image.string, process: $0.container.process))
    }
    stopper.onKill = { reporter.note("killing \($0.name): it has not ended in time") }
    try stopper.stop(instances)
  }
}

/// A signal by its number, or by its name with or without `SIG`.
struct SignalArgument: ExpressibleByArgument {
  let number: Int32

  private static let names: [String: Int32] = [
    "HUP": SIGHUP, "INT": SIGINT, "QUIT": SIGQUIT, "ILL": SIGILL, "TRAP": SIGTRAP, "ABRT": SIGABRT,
    "BUS": SIGBUS,
    "FPE": SIGFPE, "KILL": SIGKILL, "USR1": SIGUSR1, "SEGV": SIGSEGV, "USR2": SIGUSR2, "PIPE": SIGPIPE,
    "ALRM": SIGALRM,
    "TERM": SIGTERM, "CHLD": SIGCHLD, "CONT": SIGCONT, "STOP": SIGSTOP, "TSTP": SIGTSTP, "TTIN": SIGTTIN,
    "TTOU": SIGTTOU, "WINCH": SIGWINCH,
  ]

  init?(argument: String) {
    let name = argument.uppercased()
    if let number = Int32(name) {
      guard (1...64).contains(number) else { return nil }
      self.number = number
    } else if let number = Self.names[name.hasPrefix("SIG") ? String(name.dropFirst(3)) : name] {
      self.number = number
    } else {
      return nil
    }
  }
}

struct InstanceStatsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "stats", abstract: "Show what an instance uses.",
    discussion:
      "Shows processor time, memory, block input and output, and processes each second, until it is ended.")

  @Argument(help: "The name of the instance.") var name: String
  @Flag(help: "Show the figures once.") var noStream = false
  @OptionGroup var user: InstanceUserOption
  @OptionGroup(title: "Output") var output: InstanceJSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let instance = try user.store.find(name)
    var last = try InstanceStatistics(of: instance)
    if output.json { return try Console.write(document: Self.document(last, name)) }
    repeat {
      sleep(1)
      let now = try InstanceStatistics(of: try user.store.find(name))
      let share = Double(now.processorMicroseconds &- last.processorMicroseconds) / 10_000
      if !noStream, Console.isTerminal(STDOUT_FILENO) {
        try Console.write(raw: Array("\u{1B}[2J\u{1B}[H".utf8))
      }
      try Console.write(
        lines: TableText.lines([
          ["INSTANCE NAME", "CPU USAGE", "MEM USAGE / LIMIT", "MEM %", "BLOCK I/O", "PIDS"],
          [
            name, "\(Self.decimal(share))%", "\(Self.size(now.memory)) / \(Self.size(now.memoryLimit))",
            "\(Self.decimal(now.memoryLimit == 0 ? 0 : Double(now.memory) / Double(now.memoryLimit) * 100))%",
            "\(Self.size(now.bytesRead)) / \(Self.size(now.bytesWritten))", "\(now.processes)",
          ],
        ]))
      last = now
    } while !noStream
  }

  private static func document(_ figures: InstanceStatistics, _ name: String) -> [JSONMember] {
    func number(_ value: UInt64) -> JSONValue { .integer(Int64(clamping: value)) }
    return [
      JSONMember("instance", .string(name)),
      JSONMember("cpu_stats", .object([JSONMember("usage_usec", number(figures.processorMicroseconds))])),
      JSONMember(
        "memory_stats",
        .object([
          JSONMember("usage", number(figures.memory)), JSONMember("limit", number(figures.memoryLimit)),
        ])),
      JSONMember("pids_stats", .object([JSONMember("current", number(figures.processes))])),
      JSONMember(
        "blkio_stats",
        .object([
          JSONMember("read", number(figures.bytesRead)), JSONMember("written", number(figures.bytesWritten)),
        ])),
    ]
  }

  /// With two digits after the point.
  private static func decimal(_ value: Double) -> String {
    let hundredths = Int64((value * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }

  private static func size(_ bytes: UInt64) -> String {
    var value = Double(bytes)
    for unit in ["B", "KiB", "MiB", "GiB"] {
      if value < 1024 { return unit == "B" ? "\(bytes)B" : "\(decimal(value))\(unit)" }
      value /= 1024
    }
    return "\(decimal(value))TiB"
  }
}
