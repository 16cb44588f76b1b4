import CommandKit

/// A command of the runtimes.
struct Verb: Sendable {
  /// What it does.
  enum Work: Sendable {
    /// What a command of `siftool` does, with the options that have the same names.
    case command([String])
    /// What `siftool` does with the same words.
    case words([String])
    /// Prints a text.
    case text(@Sendable (RuntimeName) -> String)
    /// A command of its own.
    case own(@Sendable (RuntimeGrammar.Reading, RuntimeName) throws -> Void)
    /// Nothing but saying why there is no such command here, and what to use.
    case refused(String)
  }

  /// How failures are said.
  enum Failure: Sendable {
    /// `FATAL:`, and the exit code 255.
    case fatal
    /// As wrong command lines, with the exit code 1.
    case command
  }

  /// Its words.
  let path: [String]
  /// What follows its name, for people.
  let usage: String
  /// One line for people.
  let about: String
  /// The number of its operands.
  var operands = 0...Int.max
  /// Its options, in the form of ``OptionTable``; nil for those of the command that it stands for.
  var options: String?
  /// Options that it takes besides those.
  var otherOptions = ""
  /// Options that are taken without any effect.
  var idle: Set<String> = []
  /// Options that are not there, with the reason.
  var missing: [String: String] = [:]
  /// What stands before a sentence about a failure.
  var start = ""
  /// Options by the names that they have in `siftool`.
  var names: [String: String] = [:]
  /// Changes what was read before `siftool`'s command gets it.
  var prepare: (@Sendable (inout RuntimeGrammar.Reading) throws -> Void)?
  /// Whether everything after the first operand belongs to a program.
  var startsProgram = false
  var failure = Failure.fatal
  let work: Work

  init(_ path: String, _ usage: String, _ about: String, _ work: Work) {
    self.path = path.split(separator: " ").map(String.init)
    self.usage = usage
    self.about = about
    self.work = work
  }

  /// The name for messages: the last word.
  var name: String { path.last ?? "" }

  /// The options that it takes.
  func options(of tool: OptionTable) -> [OptionTable.Option] {
    func read(_ text: String) -> [OptionTable.Option] {
      OptionTable(tool: "", lines: [": \(text)"]).command(at: [])?.options ?? []
    }
    let others = read(otherOptions)
    guard let options else {
      guard case .command(let target) = work, let command = tool.command(at: target) else { return others }
      let own = command.options.filter { $0.name != "version" }
      return own + others.filter { other in !own.contains { $0.name == other.name } }
    }
    return read(options) + others
  }
}

extension Verb {
  /// All of them, in the order of the help.
  static let all: [Verb] = containers + services + images + transfers + signatures + administration + others

  /// The commands that start programs.
  private static let containers: [Verb] = {
    func starting(_ name: String, _ usage: String, _ about: String, _ least: Int) -> Verb {
      var verb = Verb(name, usage, about, .command(name.split(separator: " ").map(String.init)))
      verb.operands = least...Int.max
      verb.startsProgram = true
      return verb
    }
    return [
      starting("exec", "IMAGE PROGRAM [ARGUMENTS]", "Run a program of an image", 2),
      starting("run", "IMAGE [ARGUMENTS]", "Run the runscript of an image", 1),
      starting("shell", "IMAGE", "Run a shell in an image", 1),
      starting("test", "IMAGE [ARGUMENTS]", "Run the test of an image", 1),
      starting("instance start", "IMAGE NAME [ARGUMENTS]", "Start an instance with the startscript", 2),
      starting("instance run", "IMAGE NAME [ARGUMENTS]", "Start an instance with the runscript", 2),
    ]
  }()

  /// What a command of `siftool` of the same name does.
  private static func same(
    _ path: String, _ usage: String, _ about: String, _ operands: ClosedRange<Int>, options: String? = nil
  ) -> Verb {
    var verb = Verb(path, usage, about, .command(path.split(separator: " ").map(String.init)))
    verb.operands = operands
    verb.options = options
    return verb
  }

  private static let services: [Verb] = {
    var stop = same("instance stop", "[NAME]", "Stop instances", 0...1)
    stop.failure = .command
    return [
      same("instance list", "[PATTERN]", "List running instances", 0...1), stop,
      same("instance stats", "NAME", "Show what an instance uses", 1...1),
    ]
  }()

  /// What reads and changes images in files.
  private static let images: [Verb] = {
    func sif(_ name: String, _ usage: String, _ about: String) -> Verb {
      var verb = Verb("sif \(name)", usage, about, .words([name]))
      verb.failure = .command
      return verb
    }
    return [
      inspect, apps, same("run-help", "IMAGE", "Show the help of an image", 1...1),
      same("overlay create", "IMAGE", "Make a writable overlay", 1...1),
      sif("add", "IMAGE FILE", "Add an object"), sif("del", "ID IMAGE", "Delete an object"),
      sif("dump", "ID IMAGE", "Print an object"), sif("header", "IMAGE", "Show the header"),
      sif("info", "ID IMAGE", "Show an object"), sif("list", "IMAGE", "List the objects"),
      sif("new", "IMAGE", "Make an empty image"), sif("setprim", "ID IMAGE", "Choose the primary partition"),
    ]
  }()

  private static let build: Verb = {
    var verb = same("build", "IMAGE SOURCE", "Build an image", 2...2)
    verb.otherOptions =
      """
      json e/encrypt passphrase reproducible userns nvccli no-setgroups ignore-fakeroot-command ignore-userns ignore-proot \
      no-oci r/remote d/detached builder= oci keep-layers mksquashfs-args= arch-variant= data buildkit-host=
      """
    verb.idle = [
      "json", "passphrase", "userns", "nvccli", "no-setgroups", "ignore-fakeroot-command", "ignore-userns",
      "ignore-proot", "no-oci",
    ]
    verb.names = ["reproducible": "deterministic"]
    let elsewhere = "images are built here, by whoever wants them"
    verb.missing = [
      "remote": elsewhere, "detached": elsewhere, "builder": elsewhere,
      "oci": "`--format oci` of siftool build makes an image layout",
      "keep-layers": "an image has one file system",
      "mksquashfs-args": "--compression, --level and --block-size say how the squashfs is made",
      "arch-variant": "--platform names a variant", "data": "`siftool add` adds a squashfs to an image",
      "buildkit-host": "Dockerfiles are not built: spython and hpccm turn them into definition files",
    ]
    verb.start = "While performing build: "
    return verb
  }()

  private static let transfers: [Verb] = {
    var pull = same("pull", "[FILE] ADDRESS", "Fetch an image", 1...2)
    pull.otherOptions = "no-cleanup U/allow-unsigned allow-unauthenticated tmpdir="
    pull.idle = ["no-cleanup", "allow-unsigned", "allow-unauthenticated", "tmpdir"]
    return [
      build, pull, same("push", "IMAGE ADDRESS", "Send an image", 2...2),
      same("search", "TEXT", "Search a container library", 1...1),
      same("delete", "ADDRESS", "Delete an image of a library", 1...1),
      same("registry login", "HOST", "Log in to a registry", 1...1),
      same("registry logout", "HOST", "Log out of a registry", 1...1),
      same("registry list", "", "List the logins for registries", 0...0),
      same("remote add", "NAME HOST", "Add a remote", 2...2),
      same("remote use", "NAME", "Choose the remote in use", 1...1),
      same("remote remove", "NAME", "Remove a remote", 1...1),
      same("remote list", "", "List the remotes", 0...0),
      same("remote login", "[NAME]", "Log in to a remote", 0...1),
      same("remote logout", "[NAME]", "Log out of a remote", 0...1),
      same("remote status", "[NAME]", "Ask the services of a remote", 0...1),
      same("remote get-login-password", "", "Print the password for a registry", 0...0),
      same("keyserver add", "[REMOTE] ADDRESS", "Add a key server", 1...2),
      same("keyserver remove", "[REMOTE] ADDRESS", "Remove a key server", 1...2),
      same("keyserver list", "[REMOTE]", "List the key servers", 0...1),
      same("keyserver login", "ADDRESS", "Log in to a key server", 1...1),
      same("keyserver logout", "ADDRESS", "Log out of a key server", 1...1),
      same("cache list", "", "Show what is in the cache", 0...0),
      same("cache clean", "", "Clean the cache", 0...0),
    ]
  }()

  private static let signatures: [Verb] =
    [sign, verify] + keys

  private static let administration: [Verb] = [
    same("capability add", "CAPABILITIES", "Grant capabilities", 1...1),
    same("capability drop", "CAPABILITIES", "Withdraw capabilities", 1...1),
    same("capability list", "[NAME]", "List grants", 0...1),
    same("capability avail", "[CAPABILITIES]", "Describe capabilities", 0...1),
    same("config fakeroot", "USER", "Give a user ranges of user numbers", 1...1),
  ]

  private static let others: [Verb] = [
    Verb("version", "", "Show the version", .text { "\($0.number)\n" }),
    Verb("buildcfg", "", "Show where files are", .text { BuildConfiguration.text(of: $0) }),
    Verb("selftest", "", "Say that the program works", .text { _ in "" }),
    Verb(
      "config global", "DIRECTIVE [VALUE]", "Change the site's settings",
      .refused(
        "change /etc/apptainer/apptainer.conf or /etc/singularity/singularity.conf with an editor; `siftool config check` reads it"
      )),
    Verb("oci", "", "", .refused("the low-level OCI commands are those of crun and runc")),
    Verb("plugin", "", "", .refused("there are no plugins")),
    Verb("checkpoint", "", "", .refused("checkpoints are not made; DMTCP does it inside of the image")),
  ]

  /// Old names that programs still use.
  private static let oldNames = [
    "instance.start": ["instance", "start"], "instance.list": ["instance", "list"],
    "instance.stop": ["instance", "stop"], "caps": ["capability"],
  ]

  /// The verb that some words begin with, and the words after it; nil if there is none.
  static func find(_ words: ArraySlice<String>) -> (verb: Verb, rest: ArraySlice<String>)? {
    guard let first = words.first else { return nil }
    let words = (oldNames[first] ?? [first])[...] + words.dropFirst()
    for verb in all where words.starts(with: verb.path) {
      return (verb, words.dropFirst(verb.path.count))
    }
    return nil
  }

  /// Whether some verbs begin with this word and have another one.
  static func isGroup(_ word: String) -> Bool {
    all.contains { $0.path.count > 1 && $0.path.first == word }
  }
}
