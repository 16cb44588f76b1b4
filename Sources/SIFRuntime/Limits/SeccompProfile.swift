import CLinux
import CSeccomp
import LinuxSystem
import StrictJSON

/// The system calls that a program may make, in the form of the OCI runtimes (spec/runtime.md "System calls").
public struct SeccompProfile: Sendable {
  /// A condition on an argument of a system call.
  struct Condition: Sendable, Equatable {
    let argument: UInt32
    let comparison: scmp_compare.RawValue
    let value: UInt64
    let second: UInt64
  }

  /// Conditions for a whole rule; all that are given have to hold.
  struct Circumstances: Sendable {
    var capabilities: [Capabilities] = []
    var architectures: [String] = []
    /// The oldest kernel, as its first two numbers.
    var kernel: (Int, Int)?
  }

  /// The action for some system calls.
  struct Rule: Sendable {
    let place: String
    let names: [String]
    let action: UInt32
    let conditions: [Condition]
    let includes: Circumstances
    let excludes: Circumstances
  }

  /// The file, as the user named it.
  let file: String
  let defaultAction: UInt32
  /// The architectures besides this machine's own, as libseccomp's tokens.
  let architectures: [UInt32]
  /// The flags of seccomp(2).
  let flags: UInt32
  let rules: [Rule]

  /// Reads a profile.
  ///
  /// - Parameters:
  ///   - bytes: the file's content.
  ///   - file: its name, for messages.
  /// - Throws: ``RuntimeError`` of the kind `invalid-argument`, which names the place of the error.
  public init(parsing bytes: [UInt8], file: String) throws(RuntimeError) {
    let root: Setting
    do { root = Setting(value: try JSONParser.parse(bytes), file: file) } catch {
      throw RuntimeError(.invalidArgument, "\(file) is not a seccomp profile: \(error)")
    }
    let table = try root.table(of: [
      "defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "syscalls",
      "listenerPath", "listenerMetadata",
    ])
    for name in ["listenerPath", "listenerMetadata"] {
      if let listener = table[name] {
        throw listener.fault("no other program can decide about system calls here: leave SCMP_ACT_NOTIFY out")
      }
    }
    guard let action = table["defaultAction"] else { throw root.fault("defaultAction is missing") }
    self.file = file
    let number = try Self.number(table["defaultErrnoRet"], table["defaultErrno"])
    defaultAction = try Self.action(action, number)
    if let given = table["defaultErrnoRet"] ?? table["defaultErrno"], !Self.takesNumber(defaultAction) {
      throw given.fault("the default action takes no number")
    }
    architectures = try Self.architectures(table, root)
    flags = try Self.flags(table["flags"])
    var rules: [Rule] = []
    for setting in try table["syscalls"]?.list() ?? [] {
      rules.append(try Self.rule(setting, number ?? Self.notPermitted))
    }
    self.rules = rules
  }

  // MARK: Actions

  private static let notPermitted = UInt32(EPERM)
  private static let actions: [String: UInt32] = [
    "SCMP_ACT_KILL": SCMP_ACT_KILL_THREAD, "SCMP_ACT_KILL_THREAD": SCMP_ACT_KILL_THREAD,
    "SCMP_ACT_KILL_PROCESS": SCMP_ACT_KILL_PROCESS, "SCMP_ACT_TRAP": SCMP_ACT_TRAP,
    "SCMP_ACT_ERRNO": linux_seccomp_errno(0), "SCMP_ACT_TRACE": linux_seccomp_trace(0),
    "SCMP_ACT_ALLOW": SCMP_ACT_ALLOW, "SCMP_ACT_LOG": SCMP_ACT_LOG,
  ]

  private static func takesNumber(_ action: UInt32) -> Bool {
    let kind = action & 0xFFFF_0000
    return kind == linux_seccomp_errno(0) || kind == linux_seccomp_trace(0)
  }

  /// Whether an action lets the system call happen.
  static func isPermission(_ action: UInt32) -> Bool { action == SCMP_ACT_ALLOW || action == SCMP_ACT_LOG }

  private static func action(_ setting: Setting, _ number: UInt32?) throws(RuntimeError) -> UInt32 {
    let name = try setting.text()
    guard let action = actions[name] else {
      throw setting.fault(
        name == "SCMP_ACT_NOTIFY"
          ? "no other program can decide about system calls here" : "there is no such action: \(name)")
    }
    return takesNumber(action) ? action | (number ?? notPermitted) : action
  }

  /// The error number that a system call fails with, given as a number or by its name.
  private static func number(_ number: Setting?, _ name: Setting?) throws(RuntimeError) -> UInt32? {
    let numeric = try number.map { (setting) throws(RuntimeError) in
      UInt32(try setting.integer(in: 0...4095))
    }
    guard let name, case let text = try name.text(), !text.isEmpty else { return numeric }
    guard
      let named = (1...Int32(4095)).first(where: { number in
        linux_errno_name(number).map { String(cString: $0) == text } ?? false
      })
    else { throw name.fault("there is no such error: \(text)") }
    guard numeric == nil || numeric == UInt32(named) else {
      throw name.fault("\(text) is \(named), not the number that is given with it")
    }
    return UInt32(named)
  }

  // MARK: Architectures and flags

  private static func architecture(_ setting: Setting) throws(RuntimeError) -> UInt32 {
    let name = try setting.text()
    let token = name.hasPrefix("SCMP_ARCH_") ? seccomp_arch_resolve_name(name.dropFirst(10).lowercased()) : 0
    guard token != 0 else { throw setting.fault("there is no such architecture: \(name)") }
    return token
  }

  private static func architectures(
    _ table: [String: Setting], _ root: Setting
  ) throws(RuntimeError) -> [UInt32] {
    var tokens: [UInt32] = []
    for setting in try table["architectures"]?.list() ?? [] { tokens.append(try architecture(setting)) }
    let families = try table["archMap"]?.list() ?? []
    guard tokens.isEmpty || families.isEmpty else {
      throw root.fault("architectures and archMap exclude each other")
    }
    for family in families {
      let members = try family.table(of: ["architecture", "subArchitectures"])
      guard let first = members["architecture"] else { throw family.fault("architecture is missing") }
      var all = [try architecture(first)]
      for setting in try members["subArchitectures"]?.list() ?? [] { all.append(try architecture(setting)) }
      if all[0] == seccomp_arch_native() { tokens += all }
    }
    return tokens
  }

  /// By default, a filter switches on mitigations that slow the whole program down. This flag leaves them off.
  static let noMitigation: UInt32 = 4

  /// The bits of seccomp(2). TSYNC, a filter for all threads, changes nothing here: there is one thread.
  private static func flags(_ setting: Setting?) throws(RuntimeError) -> UInt32 {
    let known: [String: UInt32] = [
      "SECCOMP_FILTER_FLAG_TSYNC": 0, "SECCOMP_FILTER_FLAG_LOG": 2,
      "SECCOMP_FILTER_FLAG_SPEC_ALLOW": noMitigation,
    ]
    var bits: UInt32 = 0
    for flag in try setting?.list() ?? [] {
      guard let bit = known[try flag.text()] else { throw flag.fault("there is no such flag here") }
      bits |= bit
    }
    return bits
  }

  // MARK: Rules

  private static func rule(_ setting: Setting, _ number: UInt32) throws(RuntimeError) -> Rule {
    let table = try setting.table(of: [
      "names", "name", "action", "errnoRet", "errno", "args", "comment", "includes", "excludes",
    ])
    var names = try table["names"]?.texts() ?? []
    if let name = try table["name"]?.text(), !name.isEmpty {
      guard names.isEmpty else { throw setting.fault("name and names exclude each other") }
      names = [name]
    }
    guard !names.isEmpty else { throw setting.fault("no system call is named") }
    guard let action = table["action"] else { throw setting.fault("action is missing") }
    let own = try Self.number(table["errnoRet"], table["errno"])
    let token = try Self.action(action, own ?? number)
    if own != nil, !takesNumber(token) { throw setting.fault("the action takes no number") }
    var conditions: [Condition] = []
    for argument in try table["args"]?.list() ?? [] {
      let condition = try Self.condition(argument)
      guard !conditions.contains(where: { $0.argument == condition.argument }) else {
        throw argument.fault("there is another condition on argument \(condition.argument) in this rule")
      }
      conditions.append(condition)
    }
    return Rule(
      place: setting.place, names: names, action: token, conditions: conditions,
      includes: try circumstances(table["includes"]), excludes: try circumstances(table["excludes"]))
  }

  private static func condition(_ setting: Setting) throws(RuntimeError) -> Condition {
    let known = [
      "SCMP_CMP_NE": SCMP_CMP_NE, "SCMP_CMP_LT": SCMP_CMP_LT, "SCMP_CMP_LE": SCMP_CMP_LE,
      "SCMP_CMP_EQ": SCMP_CMP_EQ, "SCMP_CMP_GE": SCMP_CMP_GE, "SCMP_CMP_GT": SCMP_CMP_GT,
      "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ,
    ]
    let table = try setting.table(of: ["index", "value", "valueTwo", "op"])
    guard let index = table["index"], let value = table["value"], let op = table["op"] else {
      throw setting.fault("a condition has index, value and op")
    }
    guard let comparison = known[try op.text()] else { throw op.fault("there is no such comparison") }
    return Condition(
      argument: UInt32(try index.integer(in: 0...5)), comparison: comparison.rawValue,
      value: try value.unsigned(), second: try table["valueTwo"]?.unsigned() ?? 0)
  }

  private static func circumstances(_ setting: Setting?) throws(RuntimeError) -> Circumstances {
    var result = Circumstances()
    guard let table = try setting?.table(of: ["caps", "arches", "minKernel"]) else { return result }
    for name in try table["caps"]?.list() ?? [] {
      guard let capability = Capabilities(named: try name.text()) else {
        throw name.fault("there is no such capability")
      }
      result.capabilities.append(capability)
    }
    result.architectures = try table["arches"]?.texts() ?? []
    if let kernel = table["minKernel"], case let text = try kernel.text(), !text.isEmpty {
      result.kernel = KernelVersion.parse(text)
      guard result.kernel != nil else { throw kernel.fault("this has to be a version such as 4.8") }
    }
    return result
  }
}
