import ArgumentParser
import CLinux
import CommandKit
import Glibc
import LinuxSystem
import SIFRuntime
import StrictJSON
import SystemPackage

/// What `exec`, `run` and `shell` limit a program to.
struct LimitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Allow the system calls of a profile alone, in the runtimes' JSON form.", valueName: "seccomp:file"))
  var security: [BytesArgument] = []
  @Option(help: ArgumentHelp("Set the limits of a file, in the runtimes' TOML form.", valueName: "file"))
  var applyCgroups: PathArgument?
  @Option(help: ArgumentHelp("Limit memory, such as 512M.", valueName: "size")) var memory: LimitArgument?
  @Option(help: ArgumentHelp("Keep memory from being reclaimed for others.", valueName: "size"))
  var memoryReservation: LimitArgument?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Limit memory and swap together; -1 for any swap.", valueName: "size"))
  var memorySwap: LimitArgument?
  @Option(help: ArgumentHelp("Limit the time of processors, such as 1.5.", valueName: "number"))
  var cpus: ProcessorsArgument?
  @Option(
    help: ArgumentHelp("The part of the processors beside others, 1024 for a fair one.", valueName: "number"))
  var cpuShares: Int64?
  @Option(help: ArgumentHelp("The processors to run on, such as 0-3,8.", valueName: "list"))
  var cpusetCpus: String?
  @Option(help: ArgumentHelp("The nodes to have memory from, such as 0,1.", valueName: "list"))
  var cpusetMems: String?
  @Option(
    parsing: .unconditional, help: ArgumentHelp("Limit processes; -1 for any number.", valueName: "number"))
  var pidsLimit: Int64?
  @Option(help: ArgumentHelp("The part of block devices beside others, 10 to 1000.", valueName: "number"))
  var blkioWeight: Int64?
  @Option(
    help: ArgumentHelp("The part of one block device (repeatable).", valueName: "device:weight"))
  var blkioWeightDevice: [BytesArgument] = []

  func validate() throws {
    if applyCgroups != nil, !(try limitsOfOptions().isEmpty) {
      throw ValidationError("--apply-cgroups and options for single limits exclude each other")
    }
    for text in security.map(\.bytes) { _ = try Self.profile(text) }
    guard security.count <= 1 else { throw ValidationError("--security seccomp:FILE can be given once") }
  }

  /// The file of `seccomp:FILE`; of what else the runtimes take there, nothing is done here.
  private static func profile(_ text: [UInt8]) throws -> FilePath {
    let kind = String(decoding: text.prefix { $0 != 0x3A }, as: UTF8.self)
    let value = Array(text.drop { $0 != 0x3A }.dropFirst())
    switch kind {
    case "seccomp" where !value.isEmpty: return FilePath(bytes: value)
    case "seccomp": throw ValidationError("--security seccomp:FILE names a profile")
    case "uid", "gid":
      throw ValidationError(
        "--security \(kind) is not to be had: the program runs as you, or with --fakeroot as root of its own")
    case "selinux", "apparmor":
      throw ValidationError(
        "--security \(kind) is not to be had: start siftool itself under the label or profile, which the program keeps"
      )
    default: throw ValidationError("--security takes seccomp:FILE")
    }
  }

  /// The profile of system calls, read.
  func seccomp() throws -> SeccompProfile? {
    guard let text = security.first else { return nil }
    let path = try Self.profile(text.bytes)
    return try SeccompProfile(parsing: Self.content(of: path), file: path.string)
  }

  private static let longest = 1 << 20

  /// A short file's content.
  private static func content(of path: FilePath) throws -> [UInt8] {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY | O_CLOEXEC)
    let bytes = try file.readToEnd(limit: longest + 1)
    guard bytes.count <= longest else {
      throw ToolFailure.usage("\(path.string) is longer than \(longest) bytes")
    }
    return bytes
  }

  // MARK: Resource limits

  /// What was asked for, by a file or by options; nil where nothing was.
  func resources() throws -> ResourceLimits? {
    if let path = applyCgroups?.path {
      return try ResourceLimits(parsing: Self.content(of: path), file: path.string)
    }
    let limits = try limitsOfOptions()
    return limits.isEmpty ? nil : try ResourceLimits(.object(limits), file: "the options' limits")
  }

  /// How long the time of processors is divided, in microseconds.
  private static let period: Int64 = 100_000

  /// The options as the tables of a file.
  private func limitsOfOptions() throws -> [JSONMember] {
    func table(_ name: String, _ members: [(String, JSONValue?)]) -> [JSONMember] {
      let members = members.compactMap { name, value in value.map { JSONMember(name, $0) } }
      return members.isEmpty ? [] : [JSONMember(name, .object(members))]
    }
    func number(_ value: Int64?) -> JSONValue? { value.map { .integer($0) } }
    let devices = try blkioWeightDevice.map { try Self.weight($0.bytes) }
    return table(
      "memory",
      [
        ("limit", number(memory?.bytes)), ("reservation", number(memoryReservation?.bytes)),
        ("swap", number(memorySwap?.bytes)),
      ])
      + table(
        "cpu",
        [
          ("shares", number(cpuShares)), ("quota", number(cpus.map { $0.thousandths * Self.period / 1000 })),
          ("period", cpus.map { _ in .integer(Self.period) }), ("cpus", cpusetCpus.map { .string($0) }),
          ("mems", cpusetMems.map { .string($0) }),
        ]) + table("pids", [("limit", number(pidsLimit))])
      + table(
        "blockIO",
        [("weight", number(blkioWeight)), ("weightDevice", devices.isEmpty ? nil : .array(devices))])
  }

  /// `/dev/sda:100` as a table.
  private static func weight(_ text: [UInt8]) throws -> JSONValue {
    guard let colon = text.lastIndex(of: 0x3A),
      let weight = Int64(String(decoding: text[(colon + 1)...], as: UTF8.self))
    else { throw ValidationError("--blkio-weight-device takes a device, a colon and a weight") }
    let path = FilePath(bytes: Array(text[..<colon]))
    var status = stat()
    try SystemError.check("examine", path) { path.withPlatformString { stat($0, &status) } }
    guard status.st_mode & S_IFMT == S_IFBLK else {
      throw ToolFailure.usage("\(path.string) is no block device")
    }
    let (major, minor) = (linux_major(status.st_rdev), linux_minor(status.st_rdev))
    return .object([
      JSONMember("major", .integer(Int64(major))), JSONMember("minor", .integer(Int64(minor))),
      JSONMember("weight", .integer(weight)),
    ])
  }
}

/// An amount of memory, or -1 for no limit.
struct LimitArgument: ExpressibleByArgument {
  /// The bytes; -1 for no limit.
  let bytes: Int64

  init?(argument: String) {
    if argument == "-1" {
      bytes = -1
      return
    }
    guard let size = SizeArgument(argument: argument), size.bytes > 0 else { return nil }
    bytes = size.bytes
  }
}

/// A number of processors, with up to three digits behind the point.
struct ProcessorsArgument: ExpressibleByArgument {
  /// A thousandth of a processor's time.
  let thousandths: Int64

  init?(argument: String) {
    guard let number = DecimalNumber(argument[...]), let thousandths = number.times(1000),
      (10...1_000_000_000).contains(thousandths)
    else { return nil }
    self.thousandths = thousandths
  }
}
