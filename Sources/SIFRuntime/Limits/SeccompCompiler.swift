import CLinux
import CSeccomp
import Glibc
public import LinuxSystem

extension SeccompProfile {
  /// Several times as many as the largest known profiles have. The time that libseccomp takes to add a condition
  /// grows with their number. Rules without conditions need no limit: there is at most one for each system call.
  private static let mostConditions = 256

  /// Compiles the profile into a filter for this machine's kernel.
  ///
  /// - Parameters:
  ///   - capabilities: the program's capabilities, on which rules may depend.
  ///   - onNote: receives a note about each system call that libseccomp does not know and a rule forbids.
  /// - Throws: ``RuntimeError`` if rules contradict each other, libseccomp refuses one, or the filter is too long.
  public func compile(
    capabilities: Capabilities, onNote: (String) -> Void
  ) throws(RuntimeError) -> SystemCallFilter {
    let context = try FilterBuilder(defaultAction, file)
    for architecture in architectures { try context.add(architecture: architecture) }
    let kernel = KernelVersion.current()
    var conditions = 0
    var earlier: [Int32: [Rule]] = [:]
    for rule in rules where rule.applies(capabilities, kernel) && rule.action != defaultAction {
      for name in rule.names {
        let number = seccomp_syscall_resolve_name(name)
        guard number != unknownCall else {
          if !Self.isPermission(rule.action) {
            onNote("\(file): \(rule.place): \(name) is not a known system call")
          }
          continue
        }
        // As in libseccomp, a rule without conditions is final for its system call. Common profiles rely on that.
        let others = earlier[number, default: []]
        if let other = others.first(where: { $0.contradicts(rule) }) {
          throw RuntimeError(
            .invalidArgument, "\(file): \(rule.place): \(other.place) has another action for \(name)")
        }
        if others.contains(where: { $0.conditions == rule.conditions || $0.conditions.isEmpty }) { continue }
        earlier[number, default: []].append(rule)
        conditions += rule.conditions.count
        guard conditions <= Self.mostConditions else {
          throw RuntimeError(
            .invalidArgument, "\(file): a filter has at most \(Self.mostConditions) conditions")
        }
        try context.add(rule, number, name)
      }
    }
    return SystemCallFilter(instructions: try context.export(), flags: flags)
  }

  /// libseccomp's number for a name that it does not know.
  private var unknownCall: Int32 { -1 }
}

extension SeccompProfile.Rule {
  /// Whether two rules for one system call exclude each other: the same conditions, but another action.
  func contradicts(_ other: SeccompProfile.Rule) -> Bool {
    action != other.action && conditions == other.conditions && !conditions.isEmpty
  }

  /// Whether the rule applies to a program with these capabilities, on this machine.
  func applies(_ capabilities: Capabilities, _ kernel: (Int, Int)) -> Bool {
    if !includes.capabilities.allSatisfy({ capabilities.isSuperset(of: $0) }) { return false }
    if excludes.capabilities.contains(where: { capabilities.isSuperset(of: $0) }) { return false }
    if !includes.architectures.isEmpty, !includes.architectures.contains(Self.machine) { return false }
    if excludes.architectures.contains(Self.machine) { return false }
    if let oldest = includes.kernel, kernel < oldest { return false }
    if let oldest = excludes.kernel, kernel >= oldest { return false }
    return true
  }

  #if arch(x86_64)
    private static let machine = "amd64"
  #elseif arch(arm64)
    private static let machine = "arm64"
  #elseif arch(powerpc64le)
    private static let machine = "ppc64le"
  #elseif arch(s390x)
    private static let machine = "s390x"
  #elseif arch(riscv64)
    private static let machine = "riscv64"
  #else
    private static let machine = ""
  #endif
}

/// Reads versions of the kernel.
enum KernelVersion {
  /// The first two numbers of a version; nil if it does not begin with two numbers.
  static func parse(_ text: String) -> (Int, Int)? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count >= 2, let major = Int(parts[0]), major >= 0,
      let minor = Int(parts[1].prefix { $0.isASCII && $0.isNumber })
    else { return nil }
    return (major, minor)
  }

  /// The version of this machine's kernel.
  static func current() -> (Int, Int) {
    var name = utsname()
    guard uname(&name) == 0 else { return (0, 0) }
    let release = withUnsafeBytes(of: &name.release) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    return parse(release) ?? (0, 0)
  }
}

extension SystemCallFilter {
  /// The filter that every program gets (spec/runtime.md "System calls").
  ///
  /// It forbids two requests that put characters into a terminal's input or paste them there: the program
  /// shares the terminal that the tool was started on.
  ///
  /// - Parameter ownsHost: whether the program is the host's root, but without CAP_SYS_ADMIN. Then it may not
  ///   make a user namespace either: mounts in there, such as control groups, would belong to root, and the
  ///   program could write to them.
  /// - Parameter hidesKeys: whether the program has no access to the kernel's keys. Every process of a user
  ///   can use the user's keys if it knows their numbers, whatever its session keyring is.
  static func forEveryProgram(ownsHost: Bool, hidesKeys: Bool) throws(RuntimeError) -> SystemCallFilter {
    let context = try FilterBuilder(SCMP_ACT_ALLOW, "the filter of every program")
    try context.allowOtherArchitectures()
    try context.addSiblings()
    for request in [TIOCSTI, TIOCLINUX] {
      // The kernel only looks at the lower half of the argument.
      try context.refuse("ioctl", EPERM, argument: 1, mask: UInt64(UInt32.max), value: UInt64(request))
    }
    if ownsHost {
      let newUser = UInt64(Namespaces.user.rawValue)
      try context.refuse("unshare", EPERM, argument: 0, mask: newUser, value: newUser)
      try context.refuse("clone", EPERM, argument: 0, mask: newUser, value: newUser)
      try context.refuse("setns", EPERM)
      // clone3 passes its flags in memory, where a filter cannot look. After ENOSYS, callers use clone.
      try context.refuse("clone3", ENOSYS)
    }
    if hidesKeys {
      for name in ["keyctl", "add_key", "request_key"] { try context.refuse(name, ENOSYS) }
    }
    // The flag keeps programs from becoming slower.
    return SystemCallFilter(instructions: try context.export(), flags: SeccompProfile.noMitigation)
  }
}

/// A filter that libseccomp is building.
struct FilterBuilder: ~Copyable {
  private let context: scmp_filter_ctx
  private let file: String

  init(_ action: UInt32, _ file: String) throws(RuntimeError) {
    guard let context = seccomp_init(action) else {
      throw RuntimeError(.unavailable, "\(file): libseccomp or the kernel does not know the default action")
    }
    self.context = context
    self.file = file
  }

  deinit { seccomp_release(context) }

  private func failure(_ place: String, _ status: Int32) -> RuntimeError {
    RuntimeError(
      .invalidArgument, "\(file): \(place): libseccomp refuses it: \(String(cString: strerror(-status)))")
  }

  /// Allows all system calls of architectures that were not added.
  borrowing func allowOtherArchitectures() throws(RuntimeError) {
    let status = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ALLOW)
    guard status == 0 else { throw failure("other architectures", status) }
  }

  /// Adds the other architectures whose programs this machine's kernel may run.
  borrowing func addSiblings() throws(RuntimeError) {
    #if arch(x86_64)
      let others = ["x86", "x32"]
    #elseif arch(arm64)
      let others = ["arm"]
    #else
      let others: [String] = []
    #endif
    for name in others { try add(architecture: seccomp_arch_resolve_name(name)) }
  }

  borrowing func add(architecture: UInt32) throws(RuntimeError) {
    let status = seccomp_arch_add(context, architecture)
    // This machine's own architecture is there from the beginning.
    guard status == 0 || status == -EEXIST else { throw failure("architectures", status) }
  }

  /// Has a call fail with an error: always, or only if the masked bits of an argument equal a value.
  borrowing func refuse(
    _ name: String, _ error: Int32, argument: UInt32 = 0, mask: UInt64 = 0, value: UInt64 = 0
  ) throws(RuntimeError) {
    let condition = SeccompProfile.Condition(
      argument: argument, comparison: SCMP_CMP_MASKED_EQ.rawValue, value: mask, second: value)
    let rule = SeccompProfile.Rule(
      place: name, names: [], action: linux_seccomp_errno(UInt32(error)),
      conditions: mask == 0 ? [] : [condition],
      includes: SeccompProfile.Circumstances(), excludes: SeccompProfile.Circumstances())
    try add(rule, seccomp_syscall_resolve_name(name), name)
  }

  borrowing func add(_ rule: SeccompProfile.Rule, _ number: Int32, _ name: String) throws(RuntimeError) {
    let comparisons = rule.conditions.map {
      scmp_arg_cmp(
        arg: $0.argument, op: scmp_compare($0.comparison), datum_a: $0.value, datum_b: $0.second)
    }
    let status = seccomp_rule_add_array(
      context, rule.action, number, UInt32(comparisons.count), comparisons)
    guard status == 0 || status == -EEXIST else { throw failure("\(rule.place): \(name)", status) }
  }

  /// The kernel's instructions, eight bytes each.
  borrowing func export() throws(RuntimeError) -> [UInt64] {
    let file = try translating(try OwnedDescriptor.memory(named: "filter"))
    let status = seccomp_export_bpf(context, file.rawValue)
    guard status == 0 else { throw failure("the filter", status) }
    let bytes = try translating { () throws(SystemError) in
      try SystemError.check("read the filter") { lseek(file.rawValue, 0, SEEK_SET) }
      return try file.readToEnd(limit: 1 << 20)
    }
    return stride(from: 0, to: bytes.count - bytes.count % 8, by: 8).map { start in
      bytes[start..<start + 8].withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    }
  }
}
