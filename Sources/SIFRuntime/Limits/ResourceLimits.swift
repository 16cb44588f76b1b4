public import StrictJSON
import TOML

/// The resources of the machine that a program may use (spec/runtime.md "Resource limits").
public struct ResourceLimits: Sendable {
  /// One of the kernel's files, and the text to write to it.
  struct ControlFile: Sendable, Equatable {
    let name: String
    let text: String

    /// The controller that the file belongs to.
    var controller: String { String(name.prefix { $0 != "." }) }
  }

  /// A limit that was requested.
  struct Limit: Sendable, Equatable {
    /// Where it was requested, for messages.
    let place: String
    /// The files that can set it. The first one that the kernel has is used.
    let files: [ControlFile]
  }

  private(set) var limits: [Limit] = []
  private(set) var devices: [DeviceRule] = []
  /// The memory limit in bytes; nil for none.
  private(set) var memory: Int64?

  /// The controllers that are needed: without limits those that count.
  var controllers: Set<String> {
    limits.isEmpty && devices.isEmpty
      ? ["memory", "pids"] : Set(limits.flatMap { $0.files.map(\.controller) })
  }

  /// No limits.
  static let none = ResourceLimits()

  private init() {}

  /// Reads limits in the runtimes' TOML form.
  ///
  /// - Parameters:
  ///   - bytes: the file's content.
  ///   - file: its name, for messages.
  /// - Throws: ``RuntimeError`` of the kind `invalid-argument`, which names the place of the error.
  public init(parsing bytes: [UInt8], file: String) throws(RuntimeError) {
    let value: JSONValue
    do { value = try TOML.parse(bytes) } catch {
      throw RuntimeError(.invalidArgument, "\(file) does not set limits: \(error)")
    }
    try self.init(value, file: file)
  }

  /// Makes limits from tables of the same form.
  public init(_ value: JSONValue, file: String) throws(RuntimeError) {
    try self.init(Setting(value: value, file: file))
  }

  /// Makes limits from tables of the same form that come from elsewhere.
  ///
  /// - Parameter names: what the user calls a value, by its place in the tables such as `cpu.shares`.
  public init(_ value: JSONValue, named names: [String: String]) throws(RuntimeError) {
    try self.init(Setting(value: value, file: "the limits", names: names))
  }

  private init(_ setting: Setting) throws(RuntimeError) {
    let file = setting.file
    let table = try setting.table(of: [
      "memory", "cpu", "pids", "blockIO", "hugepageLimits", "rdma", "network", "devices", "unified",
    ])
    if let network = table["network"] { throw network.fault(Self.unavailable) }
    try table["memory"].map { (setting) throws(RuntimeError) in try readMemory(setting) }
    try table["cpu"].map { (setting) throws(RuntimeError) in try readProcessors(setting) }
    if let pids = try table["pids"]?.table(of: ["limit"])["limit"] {
      add(pids, "pids.max", try Self.amount(pids))
    }
    try table["blockIO"].map { (setting) throws(RuntimeError) in try readBlockDevices(setting) }
    for page in try table["hugepageLimits"]?.list() ?? [] { try readHugePages(page) }
    for (device, setting) in try table["rdma"]?.table().sorted(by: { $0.key < $1.key }) ?? [] {
      try readRemoteMemory(device, setting)
    }
    for rule in try table["devices"]?.list() ?? [] { devices.append(try Self.device(rule)) }
    guard devices.count <= Self.mostDevices else {
      throw RuntimeError(.invalidArgument, "\(file): devices: there are more than \(Self.mostDevices) rules")
    }
    for (name, setting) in try table["unified"]?.table().sorted(by: { $0.key < $1.key }) ?? [] {
      try readFile(name, setting)
    }
  }

  /// As many rules as fit into one of the kernel's programs.
  private static let mostDevices = 256
  private static let unavailable = "control groups of version 2 have no such limit"

  /// `max` for -1, or a number above 0.
  private static func amount(_ setting: Setting) throws(RuntimeError) -> String {
    let number = try setting.integer(in: -1...Int64.max)
    guard number != 0 else { throw setting.fault("this has to be above 0, or -1 for no limit") }
    return number < 0 ? "max" : "\(number)"
  }

  private mutating func add(_ setting: Setting, _ name: String, _ text: String) {
    limits.append(
      Limit(place: setting.origin, files: [ControlFile(name: name, text: text)]))
  }

  private func refuse(_ names: [String], of table: [String: Setting]) throws(RuntimeError) {
    for name in names {
      if let setting = table[name] { throw setting.fault(Self.unavailable) }
    }
  }

  // MARK: Memory and processors

  private mutating func readMemory(_ setting: Setting) throws(RuntimeError) {
    let impossible = ["kernel", "kernelTCP", "swappiness"]
    let table = try setting.table(
      of: ["limit", "reservation", "swap", "disableOOMKiller", "useHierarchy"] + impossible)
    try refuse(impossible, of: table)
    if let disabled = table["disableOOMKiller"], try disabled.bool() {
      throw disabled.fault(Self.unavailable)
    }
    if let hierarchy = table["useHierarchy"], try !hierarchy.bool() {
      throw hierarchy.fault(Self.unavailable)
    }
    if let reservation = table["reservation"] { add(reservation, "memory.low", try Self.amount(reservation)) }
    if let limit = table["limit"] {
      let text = try Self.amount(limit)
      memory = Int64(text)
      add(limit, "memory.max", text)
    }
    guard let swap = table["swap"] else { return }
    // Version 1 counts memory and swap together, version 2 counts swap alone.
    guard let total = Int64(try Self.amount(swap)) else { return add(swap, "memory.swap.max", "max") }
    guard let memory else { throw swap.fault("this is memory and swap together: it needs a limit on memory") }
    guard total >= memory else { throw swap.fault("this is memory and swap together: at least memory.limit") }
    add(swap, "memory.swap.max", "\(total - memory)")
  }

  private static let defaultPeriod: Int64 = 100_000

  private mutating func readProcessors(_ setting: Setting) throws(RuntimeError) {
    let impossible = ["realtimeRuntime", "realtimePeriod"]
    let table = try setting.table(
      of: ["shares", "quota", "period", "burst", "idle", "cpus", "mems"] + impossible)
    try refuse(impossible, of: table)
    if let shares = table["shares"] {
      // Map shares (2 to 262144, 1024 by default) to a weight (1 to 10000).
      let weight = 1 + (try shares.integer(in: 2...262_144) - 2) * 9999 / 262_142
      add(shares, "cpu.weight", "\(weight)")
    }
    if let period = table["period"] ?? table["quota"] {
      let length = try table["period"]?.integer(in: 1000...1_000_000) ?? Self.defaultPeriod
      let quota = try table["quota"].map { (setting) throws(RuntimeError) in
        guard let number = Int64(try Self.amount(setting)) else { return "max" }
        guard number >= 1000 else { throw setting.fault("this has to be at least 1000 microseconds") }
        return "\(number)"
      }
      add(table["quota"] ?? period, "cpu.max", "\(quota ?? "max") \(length)")
    }
    if let burst = table["burst"] { add(burst, "cpu.max.burst", "\(try burst.integer(in: 0...Int64.max))") }
    if let idle = table["idle"] { add(idle, "cpu.idle", "\(try idle.integer(in: 0...1))") }
    for (name, file) in [("cpus", "cpuset.cpus"), ("mems", "cpuset.mems")] {
      guard let list = table[name] else { continue }
      let text = try list.text()
      guard NumberList.parse(text) != nil else { throw list.fault("this has to be a list such as 0-2,5") }
      add(list, file, text)
    }
  }

  // MARK: Block devices

  private mutating func readBlockDevices(_ setting: Setting) throws(RuntimeError) {
    let throttles = [
      ("throttleReadBpsDevice", "rbps"), ("throttleWriteBpsDevice", "wbps"),
      ("throttleReadIOPSDevice", "riops"),
      ("throttleWriteIOPSDevice", "wiops"),
    ]
    let table = try setting.table(of: ["weight", "leafWeight", "weightDevice"] + throttles.map(\.0))
    try refuse(["leafWeight"], of: table)
    if let weight = table["weight"] { try addWeight(weight, "") }
    for device in try table["weightDevice"]?.list() ?? [] {
      let members = try device.table(of: ["major", "minor", "weight", "leafWeight"])
      try refuse(["leafWeight"], of: members)
      guard let weight = members["weight"] else { throw device.fault("weight is missing") }
      try addWeight(weight, "\(try Self.numbers(members, device)) ")
    }
    for (name, key) in throttles {
      for device in try table[name]?.list() ?? [] {
        let members = try device.table(of: ["major", "minor", "rate"])
        guard let rate = members["rate"] else { throw device.fault("rate is missing") }
        let number = try rate.unsigned()
        add(
          rate, "io.max", "\(try Self.numbers(members, device)) \(key)=\(number == 0 ? "max" : "\(number)")")
      }
    }
  }

  private static func numbers(_ members: [String: Setting], _ device: Setting) throws(RuntimeError) -> String
  {
    guard let major = members["major"], let minor = members["minor"] else {
      throw device.fault("major and minor are missing")
    }
    return "\(try major.integer(in: 0...Int64(UInt32.max))):\(try minor.integer(in: 0...Int64(UInt32.max)))"
  }

  /// A weight from 10 to 1000. The BFQ scheduler takes it as it is; other schedulers use 1 to 10000.
  private mutating func addWeight(_ setting: Setting, _ device: String) throws(RuntimeError) {
    let weight = try setting.integer(in: 10...1000)
    limits.append(
      Limit(
        place: setting.origin,
        files: [
          ControlFile(name: "io.bfq.weight", text: "\(device)\(weight)"),
          ControlFile(name: "io.weight", text: "\(device)\(1 + (weight - 10) * 9999 / 990)"),
        ]))
  }

  // MARK: Huge pages, remote memory, devices, and other files of the kernel

  private mutating func readHugePages(_ setting: Setting) throws(RuntimeError) {
    let table = try setting.table(of: ["pageSize", "limit"])
    guard let size = table["pageSize"], let limit = table["limit"] else {
      throw setting.fault("pageSize or limit is missing")
    }
    let text = try size.text()
    let digits = text.dropLast(2)
    guard ["KB", "MB", "GB"].contains(text.suffix(2)), !digits.isEmpty,
      digits.utf8.allSatisfy({ (0x30...0x39).contains($0) })
    else { throw size.fault("this has to be a size such as 2MB") }
    add(limit, "hugetlb.\(text).max", "\(try limit.unsigned())")
  }

  private mutating func readRemoteMemory(_ device: String, _ setting: Setting) throws(RuntimeError) {
    guard !device.isEmpty, device.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw setting.fault("this is not the name of a device")
    }
    let table = try setting.table(of: ["hcaHandles", "hcaObjects"])
    var text = device
    for (name, key) in [("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object")] {
      if let number = try table[name]?.integer(in: 0...Int64(Int32.max)) { text += " \(key)=\(number)" }
    }
    guard text != device else { throw setting.fault("hcaHandles or hcaObjects is missing") }
    add(setting, "rdma.max", text)
  }

  private mutating func readFile(_ name: String, _ setting: Setting) throws(RuntimeError) {
    let isName = name.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) || $0 == 0x2E
        || $0 == 0x5F
    }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard isName, parts.count >= 2, !parts.contains(""), parts[0] != "cgroup" else {
      throw setting.fault("this is not a file of a controller, such as memory.high")
    }
    for line in try setting.text().split(separator: "\n") { add(setting, name, String(line)) }
    if name == "memory.max" { memory = Int64(try setting.text()) }
  }

  private static func device(_ setting: Setting) throws(RuntimeError) -> DeviceRule {
    let table = try setting.table(of: ["allow", "type", "major", "minor", "access"])
    guard let allow = table["allow"], let access = table["access"] else {
      throw setting.fault("a rule for devices has allow and access")
    }
    var rights: DeviceRule.Access = []
    for letter in try access.text() {
      switch letter {
      case "r": rights.insert(.read)
      case "w": rights.insert(.write)
      case "m": rights.insert(.make)
      default: throw access.fault("this has to be made of r, w and m")
      }
    }
    guard !rights.isEmpty else { throw access.fault("this has to be made of r, w and m") }
    var rule = DeviceRule(isAllowed: try allow.bool(), access: rights)
    switch try table["type"]?.text() ?? "a" {
    case "a": break
    case "c", "u": rule.kind = .character
    case "b": rule.kind = .block
    default: throw setting.fault("type has to be a, b or c")
    }
    func number(_ name: String) throws(RuntimeError) -> Int32? {
      guard let number = try table[name]?.integer(in: -1...Int64(Int32.max)), number >= 0 else { return nil }
      return Int32(number)
    }
    rule.major = try number("major")
    rule.minor = try number("minor")
    return rule
  }
}

/// Lists of numbers and ranges, as the kernel writes them: `0-2,5`.
enum NumberList {
  private static let most = 8192
  private static let longest = 1024

  /// The numbers of a list; nil if it is not a list, or is empty.
  static func parse(_ text: String) -> Set<Int>? {
    guard text.utf8.count <= longest else { return nil }
    var numbers: Set<Int> = []
    for part in text.split(separator: ",", omittingEmptySubsequences: false) {
      let ends = part.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false).map { end in
        end.utf8.allSatisfy { (0x30...0x39).contains($0) } ? Int(end) : nil
      }
      guard let first = ends[0], let last = ends[ends.count - 1], first <= last, last < most else {
        return nil
      }
      numbers.formUnion(first...last)
    }
    return numbers
  }
}
