import ArgumentParser
import Bytes
import CommandKit
import LinuxSystem
import SIFRuntime
import SystemPackage

/// What the program may do, and as whom it runs.
struct PrivilegeOptions: SeparateGroup {
  @Flag(
    name: [.customShort("f"), .long],
    help: ArgumentHelp(
      "Be root in the container, with the user and group ids that /etc/subuid and /etc/subgid give you.",
      discussion: """
        Without such ids root is the only user: calls that change owners and users succeed without doing anything.
        """))
  var fakeroot = false
  @Flag(help: "With --fakeroot: be the only user even if /etc/subuid gives you more.") var ignoreSubuid =
    false
  @Flag(help: "With --fakeroot: let calls that need other users fail where there are none.")
  var ignoreFakerootCommand = false
  @Flag(help: "Refuse to start a program that needs a user namespace.") var ignoreUserns = false
  @Option(
    help: ArgumentHelp("Keep these capabilities, separated by commas (repeatable).", valueName: "names"))
  var addCaps: [CapabilitiesArgument] = []
  @Option(
    help: ArgumentHelp(
      "Drop these of the default capabilities, separated by commas; all drops every one (repeatable).",
      valueName: "names"))
  var dropCaps: [CapabilitiesArgument] = []
  @Flag(help: "Keep every capability of root (root only).") var keepPrivs = false
  @Flag(help: "Keep no capability, whatever the site's configuration leaves to root (root only).")
  var noPrivs = false
  @Flag(
    help: "Let set-user-id programs of the image change the user (root only; needs SYS_ADMIN to be kept).")
  var allowSetuid = false
  @Option(
    help: ArgumentHelp(
      "Confine the program, or run it as another user (repeatable).",
      discussion: """
        seccomp:FILE allows only the system calls in a profile, which has the runtimes' JSON form. apparmor:PROFILE and \
        selinux:CONTEXT are for kernels with these. uid:N and gid:N[:N...] are the user and the groups that the program \
        runs as when root starts it.
        """,
      valueName: "kind:value"))
  var security: [BytesArgument] = []

  func validate() throws {
    guard !keepPrivs || !noPrivs else {
      throw ValidationError("--keep-privs and --no-privs exclude each other")
    }
    _ = try SecurityChoice(security)
  }

  func set(_ options: inout ContainerOptions) throws {
    options.isFakeRoot = fakeroot
    options.ignoresRanges = ignoreSubuid
    options.showsSingleUser = ignoreFakerootCommand
    options.ignoresUserNamespaces = ignoreUserns
    options.addedCapabilities = addCaps.reduce(into: []) { $0.formUnion($1.set) }
    options.droppedCapabilities = dropCaps.reduce(into: []) { $0.formUnion($1.set) }
    options.rootCapabilities = keepPrivs ? .full : noPrivs ? .empty : nil
    options.allowsSetID = allowSetuid
    let choice = try SecurityChoice(security)
    options.programUser = choice.user
    options.label = choice.label
    options.seccomp = try choice.profile.map { path in
      let bytes = try OptionFile.content(of: path)
      return try ToolFailure.reading("--security") {
        try SeccompProfile(parsing: bytes, file: path.printable)
      }
    }
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}

/// The values of `--security`.
private struct SecurityChoice {
  var profile: FilePath?
  var label: SecurityLabel?
  var user: ProcessUser?

  init(_ values: [BytesArgument]) throws {
    for value in values.map(\.bytes) {
      let kind = String(decoding: value.prefix { $0 != 0x3A }, as: UTF8.self)
      let rest = Array(value.drop { $0 != 0x3A }.dropFirst())
      let text = String(decoding: rest, as: UTF8.self)
      switch kind {
      case "seccomp":
        guard !rest.isEmpty else { throw ValidationError("--security seccomp:FILE names a profile") }
        guard profile == nil else { throw ValidationError("--security seccomp:FILE can be given once") }
        profile = FilePath(bytes: rest)
      case "apparmor": try take(SecurityLabel(.appArmor, text), "apparmor:PROFILE", "the name of a profile")
      case "selinux": try take(SecurityLabel(.seLinux, text), "selinux:CONTEXT", "a context")
      case "uid":
        guard let number = Self.number(text) else {
          throw ValidationError("--security uid:N takes the number of a user, not \"\(value.printable)\"")
        }
        guard user?.user == nil else { throw ValidationError("--security uid:N can be given once") }
        user = ProcessUser(user: number, groups: user?.groups ?? [])
      case "gid":
        let numbers = text.split(separator: ":", omittingEmptySubsequences: false).map {
          Self.number(String($0))
        }
        guard numbers.count <= 65536, !numbers.contains(nil) else {
          throw ValidationError(
            "--security gid:N[:N...] takes the numbers of groups, not \"\(value.printable)\"")
        }
        guard user?.groups.isEmpty ?? true else {
          throw ValidationError("--security gid:N can be given once")
        }
        user = ProcessUser(user: user?.user, groups: numbers.compactMap(\.self))
      default:
        throw ValidationError(
          "--security takes seccomp:FILE, apparmor:PROFILE, selinux:CONTEXT, uid:N or gid:N[:N...], not "
            + "\"\(value.printable)\"")
      }
    }
  }

  private mutating func take(_ new: SecurityLabel?, _ form: String, _ what: String) throws {
    guard let new else { throw ValidationError("--security \(form) takes \(what)") }
    guard label == nil else { throw ValidationError("--security takes one profile or context") }
    label = new
  }

  /// A number of a user or group; the highest one stands for none.
  private static func number(_ text: String) -> UInt32? {
    guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt32(text),
      number < UInt32.max
    else { return nil }
    return number
  }
}

/// Names of capabilities, separated by commas; `all` means every one.
struct CapabilitiesArgument: ExpressibleByArgument {
  let set: Capabilities

  init?(argument: String) {
    var set: Capabilities = []
    for name in argument.split(separator: ",") {
      guard let one = name.lowercased() == "all" ? .all : Capabilities(named: String(name)) else {
        return nil
      }
      set.formUnion(one)
    }
    guard !set.isEmpty else { return nil }
    self.set = set
  }
}
