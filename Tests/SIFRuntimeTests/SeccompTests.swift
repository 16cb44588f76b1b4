import LinuxSystem
import Testing
import TestSupport

@testable import SIFRuntime

/// Profiles of system calls: what is taken, what is refused and where, and what becomes of it.
@Suite struct SeccompTests {
  private func parse(_ text: String) throws -> SeccompProfile {
    try SeccompProfile(parsing: Array(text.utf8), file: "p.json")
  }

  private func compile(_ text: String, _ capabilities: Capabilities = []) throws -> SystemCallFilter {
    try parse(text).compile(capabilities: capabilities) { _ in }
  }

  @Test func theOCIForm() throws {
    let profile = try parse(
      """
      {"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"defaultErrno":"ENOSYS","flags":["SECCOMP_FILTER_FLAG_LOG"],
       "archMap":[{"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]},
                  {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]},
                  {"architecture":"SCMP_ARCH_RISCV64","subArchitectures":null}],
       "syscalls":[
        {"names":["read","nosuch"],"action":"SCMP_ACT_ALLOW","args":[],"comment":"","includes":{},"excludes":{}},
        {"name":"clone","action":"SCMP_ACT_ALLOW","includes":{"minKernel":"4.8","arches":["amd64"]},
         "excludes":{"caps":["CAP_SYS_ADMIN"]},
         "args":[{"index":0,"value":18446744073709551615,"valueTwo":4294967295,"op":"SCMP_CMP_MASKED_EQ"}]},
        {"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errno":"EBUSY"}]}
      """)
    #expect(profile.defaultAction == 0x0005_0026 && profile.flags == 2)
    #if arch(x86_64)
      #expect(profile.architectures.count == 3)
    #endif
    #expect(profile.rules.map(\.action) == [0x7FFF_0000, 0x7FFF_0000, 0x0005_0010])
    #expect(profile.rules[0].names == ["read", "nosuch"])
    let condition = try #require(profile.rules[1].conditions.first)
    #expect(condition.value == .max && condition.second == 0xFFFF_FFFF && condition.comparison == 7)
  }

  /// Each mistake is named by its place.
  @Test(arguments: [
    ("", "p.json is not a seccomp profile: JSON"), ("[]", "p.json: this has to be a table"),
    ("{}", "p.json: defaultAction is missing"), (#"{"defaultAction":null}"#, "defaultAction is missing"),
    (#"{"defaultAction":"SCMP_ACT_X"}"#, "defaultAction: there is no such action: SCMP_ACT_X"),
    (#"{"defaultAction":"SCMP_ACT_NOTIFY"}"#, "defaultAction: no other program can decide"),
    (#"{"defaultAction":"SCMP_ACT_ALLOW","listenerPath":"/x"}"#, "listenerPath: no other program can decide"),
    (
      #"{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}"#,
      "defaultErrnoRet: the default action takes no"
    ),
    (
      #"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":4096}"#, "defaultErrnoRet: this has to be a whole"
    ),
    (
      #"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"EWHAT"}"#,
      "defaultErrno: there is no such error: EWHAT"
    ),
    (#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":1,"defaultErrno":"EBUSY"}"#, "EBUSY is 16"),
    (#"{"defaultAction":"SCMP_ACT_ALLOW","more":1}"#, "more: there is no such setting"),
    (#"{"defaultAction":"SCMP_ACT_ALLOW","flags":["X"]}"#, "flags[0]: there is no such flag"),
    (
      #"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["X86"]}"#,
      "architectures[0]: there is no such arch"
    ),
    (
      #"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_Z80"]}"#,
      "architectures[0]: there is no"
    ),
    (
      #"{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86"],"archMap":[{"architecture":"SCMP_ARCH_X86"}]}"#,
      "architectures and archMap exclude each other"
    ),
    (#"{"defaultAction":"SCMP_ACT_ALLOW","archMap":[{}]}"#, "archMap[0]: architecture is missing"),
    (#"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":{}}"#, "syscalls: this has to be a list"),
  ]) func mistakes(text: String, message: String) throws {
    let error = try #require(throws: RuntimeError.self) { try parse(text) }
    #expect(error.code == .invalidArgument && error.message.contains(message), "\(error.message)")
  }

  @Test(arguments: [
    ("3", "syscalls[0]: this has to be a table"), ("{}", "syscalls[0]: no system call is named"),
    (#"{"names":["a"]}"#, "syscalls[0]: action is missing"),
    (#"{"names":"a","action":"SCMP_ACT_KILL"}"#, "syscalls[0].names: this has to be a list"),
    (#"{"names":[1],"action":"SCMP_ACT_KILL"}"#, "syscalls[0].names[0]: this has to be a text"),
    (#"{"names":["a"],"name":"b","action":"SCMP_ACT_KILL"}"#, "syscalls[0]: name and names exclude"),
    (#"{"names":["a"],"action":"KILL"}"#, "syscalls[0].action: there is no such action: KILL"),
    (#"{"names":["a"],"action":"SCMP_ACT_KILL","errnoRet":1}"#, "syscalls[0]: the action takes no number"),
    (#"{"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":-1}"#, "syscalls[0].errnoRet: this has to be"),
    (
      #"{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":6,"value":0,"op":"SCMP_CMP_EQ"}]}"#,
      "syscalls[0].args[0].index: this has to be a whole number from 0 to 5"
    ),
    (
      #"{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":0,"op":"EQ"}]}"#,
      "syscalls[0].args[0].op: there is no such comparison"
    ),
    (
      #"{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":18446744073709551616,"op":"SCMP_CMP_EQ"}]}"#,
      "syscalls[0].args[0].value: this has to be a whole number"
    ),
    (#"{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":1}]}"#, "args[0]: a condition has"),
    (
      #"{"names":["a"],"action":"SCMP_ACT_KILL","args":[{"index":0,"value":0,"op":"SCMP_CMP_GE"},{"index":0,"value":9,"op":"SCMP_CMP_LE"}]}"#,
      "syscalls[0].args[1]: there is another condition on argument 0"
    ),
    (
      #"{"names":["a"],"action":"SCMP_ACT_KILL","includes":{"caps":["CAP_X"]}}"#,
      "includes.caps[0]: there is no"
    ),
    (
      #"{"names":["a"],"action":"SCMP_ACT_KILL","excludes":{"minKernel":"x"}}"#,
      "excludes.minKernel: this has"
    ),
    (#"{"names":["a"],"action":"SCMP_ACT_KILL","when":1}"#, "syscalls[0].when: there is no such setting"),
  ]) func mistakesOfRules(rule: String, message: String) throws {
    let text = #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":["# + rule + "]}"
    let error = try #require(throws: RuntimeError.self) { try parse(text) }
    #expect(error.code == .invalidArgument && error.message.contains(message), "\(error.message)")
  }

  /// Rules that depend on capabilities, the machine and the kernel; those that say what the default says.
  @Test func circumstances() throws {
    func profile(_ more: String) -> String {
      #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO""# + more
        + "}]}"
    }
    let none = try compile(#"{"defaultAction":"SCMP_ACT_ALLOW"}"#)
    let one = try compile(profile(""))
    #expect(one.instructions.count > none.instructions.count)
    let admin = try #require(Capabilities(named: "SYS_ADMIN"))
    for (more, capabilities, applies) in [
      (#","includes":{"caps":["CAP_SYS_ADMIN"]}"#, admin, true),
      (#","includes":{"caps":["CAP_SYS_ADMIN"]}"#, [], false),
      (#","includes":{"caps":["CAP_SYS_ADMIN","CAP_KILL"]}"#, admin, false),
      (#","excludes":{"caps":["CAP_SYS_ADMIN","CAP_KILL"]}"#, admin, false),
      (#","excludes":{"caps":["CAP_SYS_ADMIN"]}"#, [], true),
      (#","includes":{"arches":["none"]}"#, [], false), (#","excludes":{"arches":["none"]}"#, [], true),
      (#","includes":{"minKernel":"3.0"}"#, [], true), (#","includes":{"minKernel":"999.0"}"#, [], false),
      (#","excludes":{"minKernel":"3.0"}"#, [], false), (#","excludes":{"minKernel":"999.0"}"#, [], true),
    ] as [(String, Capabilities, Bool)] {
      #expect(try compile(profile(more), capabilities) == (applies ? one : none), "\(more)")
    }
    let redundant =
      #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ALLOW"}]}"#
    #expect(try compile(redundant) == none)
  }

  /// A name that nobody knows is passed over, with a word where something would have been forbidden.
  @Test func unknownNames() throws {
    var notes: [String] = []
    for action in ["SCMP_ACT_ERRNO", "SCMP_ACT_LOG"] {
      let text =
        #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["nosuch"],"action":"\#(action)"}]}"#
      _ = try parse(text).compile(capabilities: []) { notes.append($0) }
    }
    #expect(notes == ["p.json: syscalls[0]: nosuch is not a known system call"])
  }

  /// Two actions for one call, and more conditions than there may be.
  @Test func contradictionsAndLength() throws {
    func profile(_ rules: [String]) -> String {
      #"{"defaultAction":"SCMP_ACT_ALLOW","syscalls":["# + rules.joined(separator: ",") + "]}"
    }
    func rule(_ action: String, _ condition: Int? = nil) -> String {
      let arguments = condition.map { #"{"index":0,"value":\#($0),"op":"SCMP_CMP_EQ"}"# } ?? ""
      return #"{"names":["mkdir"],"action":"SCMP_ACT_\#(action)","args":[\#(arguments)]}"#
    }
    let error = try #require(throws: RuntimeError.self) {
      try compile(profile([rule("ERRNO", 1), rule("KILL", 1)]))
    }
    #expect(error.message == "p.json: syscalls[1]: syscalls[0] has another action for mkdir")
    // A rule without conditions ends the matter, the first one of several.
    let alone = try compile(profile([rule("ERRNO")]))
    for rules in [
      [rule("ERRNO"), rule("ERRNO")], [rule("ERRNO"), rule("KILL")], [rule("ERRNO"), rule("KILL", 1)],
      [rule("KILL", 1), rule("ERRNO")],
    ] { #expect(try compile(profile(rules)) == alone) }
    #expect(try compile(profile([rule("ERRNO", 1), rule("KILL", 2)])).instructions.count > 10)
    #expect(try compile(profile((0..<256).map { rule("ERRNO", $0) })).instructions.count > 256)
    let tooMany = try #require(throws: RuntimeError.self) {
      try compile(profile((0..<257).map { rule("ERRNO", $0) }))
    }
    #expect(tooMany.message.contains("at most 256 conditions"))
  }

  /// The profile of the field, with every capability and with none.
  @Test func aProfileOfTheField() throws {
    let bytes = try Tool.read("/usr/share/containers/seccomp.json")
    let profile = try SeccompProfile(parsing: bytes, file: "field")
    for capabilities in [[], .all] as [Capabilities] {
      let filter = try profile.compile(capabilities: capabilities) { Issue.record("\($0)") }
      #expect((500...4096).contains(filter.instructions.count))
    }
  }

  @Test func versionsOfTheKernel() {
    for (text, version) in [("4.8", (4, 8)), ("6.1.0-37-amd64", (6, 1)), ("5.10rc1", (5, 10))] {
      #expect(KernelVersion.parse(text).map { $0 == version } == true)
    }
    for text in ["", "4", "x.1", "4.", "-1.2", "4.x"] { #expect(KernelVersion.parse(text) == nil, "\(text)") }
    #expect(KernelVersion.current() > (3, 0))
  }
}
