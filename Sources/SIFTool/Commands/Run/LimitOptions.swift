import ArgumentParser
import CLinux
import CommandKit
import Glibc
import LinuxSystem
import SIFRuntime
import StrictJSON
import SystemPackage

/// The limits that `exec`, `run` and `shell` set to a program.
struct LimitOptions: SeparateGroup {
  @Option(
    help: ArgumentHelp("Set the limits in a file, which has the runtimes' TOML form.", valueName: "file"))
  var applyCgroups: PathArgument?
  @Option(help: ArgumentHelp("Limit memory, for example to 512M.", valueName: "size")) var memory:
    LimitArgument?
  @Option(
    help: ArgumentHelp("Protect this much memory from being reclaimed for other programs.", valueName: "size")
  )
  var memoryReservation: LimitArgument?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Limit memory and swap together; -1 leaves swap unlimited.", valueName: "size"))
  var memorySwap: LimitArgument?
  @Option(
    help: ArgumentHelp("Limit processor time, for example to that of 1.5 processors.", valueName: "number"))
  var cpus: ProcessorsArgument?
  @Option(
    help: ArgumentHelp("Relative CPU weight; 1024 is the default.", valueName: "number"))
  var cpuShares: Int64?
  @Option(help: ArgumentHelp("The processors to run on, for example 0-3,8.", valueName: "list"))
  var cpusetCpus: String?
  @Option(help: ArgumentHelp("The memory nodes to use, for example 0,1.", valueName: "list"))
  var cpusetMems: String?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Limit the number of processes; -1 for no limit.", valueName: "number"))
  var pidsLimit: Int64?
  @Option(help: ArgumentHelp("Relative weight for block devices, 10 to 1000.", valueName: "number"))
  var blkioWeight: Int64?
  @Option(
    help: ArgumentHelp("Relative weight for one block device (repeatable).", valueName: "device:weight"))
  var blkioWeightDevice: [BytesArgument] = []

  func validate() throws {
    if applyCgroups != nil, !(try limitsOfOptions().isEmpty) {
      throw ValidationError("--apply-cgroups and options for single limits exclude each other")
    }
  }

  // MARK: Resource limits

  /// The limits from the file or the options; nil if there are none.
  func resources() throws -> ResourceLimits? {
    if let path = applyCgroups?.path {
      let bytes = try OptionFile.content(of: path)
      return try ToolFailure.reading("--apply-cgroups") {
        try ResourceLimits(parsing: bytes, file: path.printable)
      }
    }
    let limits = try limitsOfOptions()
    return limits.isEmpty ? nil : try ResourceLimits(.object(limits), named: Self.optionNames)
  }

  /// The options by the places of their values in such tables.
  private static let optionNames = [
    "memory.limit": "--memory", "memory.reservation": "--memory-reservation", "memory.swap": "--memory-swap",
    "cpu.shares": "--cpu-shares", "cpu.quota": "--cpus", "cpu.period": "--cpus", "cpu.cpus": "--cpuset-cpus",
    "cpu.mems": "--cpuset-mems", "pids.limit": "--pids-limit", "blockIO.weight": "--blkio-weight",
    "blockIO.weightDevice": "--blkio-weight-device",
  ]

  /// The period over which processor time is limited, in microseconds.
  private static let period: Int64 = 100_000

  /// The options in the form of a file's tables.
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
      throw ToolFailure.usage("--blkio-weight-device: \(path.printable) is not a block device")
    }
    let (major, minor) = (linux_major(status.st_rdev), linux_minor(status.st_rdev))
    return .object([
      JSONMember("major", .integer(Int64(major))), JSONMember("minor", .integer(Int64(minor))),
      JSONMember("weight", .integer(weight)),
    ])
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
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

/// A number of processors, with up to three digits after the point.
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
