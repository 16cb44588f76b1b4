import Glibc
import LinuxSystem
import ShellScript
import SystemPackage

/// The variables of a container's program: what the image's scripts set, what the caller asks for, and the host's
/// where neither sets any (spec/runtime.md "The environment").
struct ImageEnvironment {
  private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
  private static let scripts = "/.singularity.d/env"
  private static let libraries = "/.singularity.d/libs"
  /// No image has more scripts than this.
  private static let mostScripts = 1000

  private let options: ContainerOptions
  private let limits: ProgramLimits
  private let host: HostVariables
  private var reader = ScriptReader(files: ContainerFiles())
  /// The changes to PATH that were asked for.
  private var search = SearchChange()
  /// The names of variables that were asked for: an empty value stays.
  private var asked: Set<String> = []
  /// The exit status with which a script has ended everything.
  private(set) var exit: UInt8?

  /// Reads the image's scripts.
  init(_ options: ContainerOptions, image: FilePath, home: FilePath, _ limits: ProgramLimits) {
    self.options = options
    self.limits = limits
    host = HostVariables(options)
    reader.name = Array("/.singularity.d/actions/\(options.action.name)".utf8)
    reader.arguments = options.action.arguments
    setOwn(image: image, home: home)
    var isAsked = false
    for script in Self.names() {
      if script == "90-environment.sh" { setPathIfMissing() }
      read(script == "environment" ? "/environment" : "\(Self.scripts)/\(script)")
      guard exit == nil else { return }
      if script == "10-docker2singularity.sh" || script == "10-docker.sh" { completePath() }
      if script == "99-base.sh" {
        setAsked()
        isAsked = true
      }
    }
    if !isAsked { setAsked() }
    finish()
  }

  /// The variables, as `NAME=value`.
  var environment: [[UInt8]] {
    reader.variables.filter { $0.value.isExported && $0.value.value != nil }.sorted { $0.key < $1.key }
      .map { Array("\($0.key)=".utf8) + ($0.value.value ?? []) }
  }

  /// The value of a variable of the program.
  func value(of name: String) -> [UInt8]? { reader.variables[name]?.value }

  /// Reads an entry point, as the runscript of an image from Docker writes it.
  func words(of text: [UInt8]) -> [[UInt8]]? { reader.words(of: text) }

  // MARK: Steps

  private mutating func set(_ name: String, _ value: [UInt8]) {
    reader.variables[name] = ScriptReader.Variable(value)
  }

  private mutating func set(_ name: String, _ value: String) { set(name, Array(value.utf8)) }

  /// The variables that say where the program runs.
  private mutating func setOwn(image: FilePath, home: FilePath) {
    set("HOME", home.bytes)
    set("PWD", Self.workingDirectory)
    for name in ["SIFTOOL", "SINGULARITY", "APPTAINER"] {
      set("\(name)_CONTAINER", image.bytes)
      set("\(name)_NAME", FilePath(root: nil, image.components.suffix(1)).bytes)
    }
    // A container inside sees them here, so they are its sources, too.
    let binds = Array(
      options.binds.filter(\.isPassedOn).map(\.target.quotedForBinds).joined(separator: [0x2C]))
    for name in ["SINGULARITY", "APPTAINER"] {
      set("\(name)_BIND", binds)
      if !options.evaluatesVariables { set("\(name)_NO_EVAL", "1") }
    }
    set("APPTAINER_COMMAND", options.action.name)
    set("APPTAINER_APPNAME", options.app ?? "")
    if let app = options.app { set("SINGULARITY_APPNAME", app) }
    if case .shell = options.action, let shell = options.shell {
      for prefix in ["SINGULARITY", "APPTAINER"] { set("\(prefix)_SHELL", shell.bytes) }
    }
    if let name = options.instanceName {
      for prefix in ["SINGULARITY", "APPTAINER"] { set("\(prefix)_INSTANCE", name) }
    }
  }

  /// The working directory, by the name that the caller uses if that leads to it.
  private static var workingDirectory: [UInt8] {
    let outside = getenv("PWD").map { FilePath(platformString: $0) }
    if let outside, outside.isAbsolute, let there = ContainerFiles.status(of: outside),
      let here = ContainerFiles.status(of: "."), there.st_dev == here.st_dev, there.st_ino == here.st_ino
    {
      return outside.bytes
    }
    guard let path = getcwd(nil, 0) else { return [0x2F] }
    defer { free(path) }
    return FilePath(platformString: path).bytes
  }

  /// The names of the image's scripts, in order. Images of the oldest kind have one file elsewhere.
  private static func names() -> [String] {
    guard
      let directory = try? OwnedDescriptor.withoutMagicLinks(
        FilePath(scripts), flags: O_RDONLY | O_DIRECTORY | O_NONBLOCK), let names = try? directory.names()
    else { return ContainerFiles.status(of: "/environment") == nil ? [] : ["environment"] }
    let scripts = names.filter { $0.suffix(3).elementsEqual(".sh".utf8) && $0.first != 0x2E }
    return scripts.sorted { $0.lexicographicallyPrecedes($1) }.prefix(mostScripts)
      .compactMap { String(validating: $0, as: UTF8.self) }
  }

  private mutating func read(_ path: String) {
    let bytes = Array(path.utf8)
    guard let text = ContainerFiles.content(of: bytes) else {
      if ContainerFiles().holds(.isRegular, of: bytes) {
        options.onNote("\(path): it cannot be read, or is longer than 1 MiB: its variables are missing")
      }
      return
    }
    switch reader.run(text, named: path) {
    case .done: break
    case .exit(let status): exit = status
    case .fault(let place, let sentence):
      options.onNote("\(place): \(sentence): nothing in this file is done")
    case .needsShell(let place, let what):
      guard let shell = ImageShell(options.scriptPatience) else {
        options.onNote("\(place): the image has no shell for \(what): nothing in this file is done")
        return
      }
      switch shell.read(path, &reader, limits) {
      case .done: break
      case .exit(let status): exit = status
      case .stopped:
        options.onNote("\(path): the image's shell has stopped in this file: some variables may be missing")
      case .failed(let sentence): options.onNote("\(path): \(sentence): its variables are missing")
      }
    }
    let written = reader.takeOutput()
    try? SystemError.writeAll(written.output.span.bytes, to: STDOUT_FILENO)
    try? SystemError.writeAll(written.errors.span.bytes, to: STDERR_FILENO)
  }

  private mutating func setPathIfMissing() {
    if value(of: "PATH") == nil {
      set("PATH", Self.path)
    } else {
      reader.variables["PATH"]?.isExported = true
    }
  }

  /// Adds the usual directories that an image from Docker leaves out of its PATH.
  private mutating func completePath() {
    var parts = (value(of: "PATH") ?? []).split(separator: 0x3A).map(Array.init)
    for part in Self.path.split(separator: ":").map({ Array($0.utf8) }) where !parts.contains(part) {
      parts.append(part)
    }
    set("PATH", Array(parts.joined(separator: [0x3A])))
  }

  /// Sets what the caller asks for.
  private mutating func setAsked() {
    var last: [String: (value: [UInt8], isEvaluated: Bool)] = [:]
    var order: [String] = []
    func add(_ variables: [ProgramVariables.Variable], isEvaluated: Bool) {
      for (name, value) in variables {
        if last.updateValue((value, isEvaluated), forKey: name) == nil { order.append(name) }
      }
    }
    add(host.asked, isEvaluated: options.evaluatesVariables)
    add(options.environment, isEvaluated: false)
    add(options.expandedEnvironment, isEvaluated: options.evaluatesVariables)
    for name in order {
      guard let (text, isEvaluated) = last[name] else { continue }
      if name == "HOME" {
        options.onNote("HOME is not changed by a variable: it is the home directory in the container")
        continue
      }
      let value = isEvaluated ? evaluate(text, of: name) : text
      switch name {
      case "PATH", "PREPEND_PATH", "APPEND_PATH": search.values[name] = value
      case "LD_LIBRARY_PATH", "PREPEND_LD_LIBRARY_PATH", "APPEND_LD_LIBRARY_PATH": continue
      default:
        set(name, value)
        asked.insert(name)
      }
    }
    func libraries(_ name: String) -> [UInt8]? {
      guard let (text, isEvaluated) = last[name], !text.isEmpty else { return nil }
      return isEvaluated ? evaluate(text, of: name) : text
    }
    let own = Array(Self.libraries.utf8)
    var list = value(of: "LD_LIBRARY_PATH") ?? []
    if let whole = libraries("LD_LIBRARY_PATH") { list = whole }
    if ContainerFiles().holds(.isDirectory, of: own),
      !list.split(separator: 0x3A).contains(where: { Array($0) == own })
    {
      list += (list.isEmpty ? [] : [0x3A]) + own
    }
    for (name, isFirst) in [("PREPEND_LD_LIBRARY_PATH", true), ("APPEND_LD_LIBRARY_PATH", false)] {
      guard let part = libraries(name) else { continue }
      list = list.isEmpty ? part : isFirst ? part + [0x3A] + list : list + [0x3A] + part
    }
    if !list.isEmpty { set("LD_LIBRARY_PATH", list) }
  }

  /// The text that a value stands for. The names in it are the program's variables.
  private func evaluate(_ text: [UInt8], of name: String) -> [UInt8] {
    guard text.contains(where: { $0 == 0x24 || $0 == 0x5C || $0 == 0x60 }) else { return text }
    var all = reader
    for (name, value) in host.kept where all.variables[name] == nil {
      all.variables[name] = ScriptReader.Variable(value)
    }
    if all.variables["PATH"]?.value == nil {
      all.variables["PATH"] = ScriptReader.Variable(Array(Self.path.utf8))
    }
    return all.value(of: text) ?? text
  }

  /// Completes the variables when all scripts are done.
  private mutating func finish() {
    setPathIfMissing()
    set("PATH", search.applied(to: value(of: "PATH") ?? []))
    for (name, value) in host.kept {
      switch reader.variables[name] {
      case nil, .some(ScriptReader.Variable(nil)): reader.variables[name] = ScriptReader.Variable(value)
      case let set? where set.value?.isEmpty == true && !asked.contains(name): reader.variables[name] = nil
      default: break
      }
    }
    for name in ["SINGULARITY", "APPTAINER"] {
      set("\(name)_ENVIRONMENT", "\(Self.scripts)/91-environment.sh")
    }
    if value(of: "PS1")?.isEmpty ?? true { set("PS1", "siftool> ") }
    reader.variables["PS1"]?.isExported = true
    setPromptCommand()
    // A script that was read here can do it for the program alone.
    if let mask = reader.mask { umask(mask) }
  }

  /// Has bash show the prompt also where the image's start-up files set another one.
  private mutating func setPromptCommand() {
    let special = Array("\\\"$`".utf8)
    let prompt: [UInt8] = (value(of: "PS1") ?? []).flatMap { (byte) -> [UInt8] in
      special.contains(byte) ? [0x5C, byte] : [byte]
    }
    let assignment = Array("PS1=\"".utf8) + prompt + [0x22]
    if let before = value(of: "PROMPT_COMMAND"), !before.isEmpty {
      let cut = Array("; PROMPT_COMMAND=\"${PROMPT_COMMAND%%; PROMPT_COMMAND=*}\"; ".utf8)
      set("PROMPT_COMMAND", before + cut + assignment)
    } else {
      set("PROMPT_COMMAND", assignment + Array("; unset PROMPT_COMMAND".utf8))
    }
  }
}

/// The requested changes to PATH.
private struct SearchChange {
  /// The values that were asked for; an empty one counts as not given.
  var values: [String: [UInt8]] = [:]

  private func asked(_ name: String) -> [UInt8]? { values[name].flatMap { $0.isEmpty ? nil : $0 } }

  /// As in the other runtimes, PATH replaces everything.
  func applied(to path: [UInt8]) -> [UInt8] {
    if let whole = asked("PATH") { return whole }
    return (asked("PREPEND_PATH").map { $0 + [0x3A] } ?? []) + path
      + (asked("APPEND_PATH").map { [0x3A] + $0 } ?? [])
  }
}
