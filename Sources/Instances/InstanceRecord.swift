import LinuxSystem
public import SIFRuntime
import StrictJSON
public import SystemPackage

/// What is known of a running instance.
public struct InstanceRecord: Sendable, Equatable {
  /// Its name.
  public let name: String
  /// The user who started it.
  public let user: String
  /// The container.
  public let container: RunningContainer
  /// When the container's first process started, in the kernel's ticks.
  let processStart: UInt64
  /// The process outside that waits for the container.
  public let master: Int32
  /// The kernel's name for the time since the machine started.
  let boot: String
  /// The file that its standard output goes to.
  public let outputLog: FilePath
  /// The file that its standard error goes to.
  public let errorLog: FilePath

  init(
    name: String, user: String, container: RunningContainer, processStart: UInt64, master: Int32,
    boot: String,
    outputLog: FilePath, errorLog: FilePath
  ) {
    self.name = name
    self.user = user
    self.container = container
    self.processStart = processStart
    self.master = master
    self.boot = boot
    self.outputLog = outputLog
    self.errorLog = errorLog
  }

  /// The bytes of the file. Its first members are those of the runtimes.
  var bytes: [UInt8] {
    JSONWriter.pretty(
      .object([
        JSONMember("pid", .integer(Int64(container.process))), JSONMember("ppid", .integer(Int64(master))),
        JSONMember("name", .string(name)), JSONMember("user", .string(user)),
        JSONMember("image", .string(Self.text(container.image))), JSONMember("ip", .string("")),
        JSONMember("logErrPath", .string(Self.text(errorLog))),
        JSONMember("logOutPath", .string(Self.text(outputLog))),
        JSONMember("home", .string(Self.text(container.home))),
        JSONMember("fakeroot", .bool(container.isFakeRoot)), JSONMember("boot", .string(boot)),
        // A 64-bit number without a sign.
        JSONMember("start", .string("\(processStart)")),
        JSONMember("limited", .bool(container.isLimited)),
        JSONMember("group", container.group.map { .string(Self.text($0)) } ?? .null),
        JSONMember(
          "filters",
          .array(
            container.filters.map { filter in
              .object([
                JSONMember("flags", .integer(Int64(filter.flags))),
                JSONMember(
                  "instructions", .array(filter.instructions.map { .string(String($0, radix: 16)) })),
              ])
            })),
      ])) + [0x0A]
  }

  /// Paths are bytes; JSON has texts. Bytes that are not UTF-8 are escaped as in URIs, and so is the percent sign.
  private static func text(_ path: FilePath) -> String {
    let bytes = path.bytes
    if let text = String(validating: bytes, as: UTF8.self), !text.contains("%") { return text }
    return bytes.map { byte in
      (0x21...0x7E).contains(byte) && byte != 0x25
        ? String(UnicodeScalar(byte)) : "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
    }.joined()
  }

  private static func path(_ text: String) -> FilePath? {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      guard byte == 0x25 else {
        bytes.append(byte)
        continue
      }
      guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2
      else {
        return nil
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    let path = FilePath(bytes: bytes)
    return path.isAbsolute && !bytes.contains(0) ? path : nil
  }

  /// Reads a file's bytes.
  ///
  /// - Throws: ``InstanceError/Code/malformed`` with the member that is wrong.
  init(reading bytes: [UInt8], of file: FilePath, named name: String) throws(InstanceError) {
    func wrong(_ what: String) -> InstanceError { InstanceError(.malformed, "\(file.string): \(what)") }
    let value: JSONValue
    do { value = try JSONParser.parse(bytes, limits: JSONLimits(bytes: 1 << 20)) } catch {
      throw wrong("\(error)")
    }
    func text(_ member: String) throws(InstanceError) -> String {
      guard let text = value[member]?.text else { throw wrong("\"\(member)\" is missing or not a text") }
      return text
    }
    func process(_ member: String) throws(InstanceError) -> Int32 {
      guard case .integer(let number)? = value[member], let process = Int32(exactly: number), process > 1
      else {
        throw wrong("\"\(member)\" is not the number of a process")
      }
      return process
    }
    func path(_ member: String) throws(InstanceError) -> FilePath {
      guard let path = Self.path(try text(member)) else {
        throw wrong("\"\(member)\" is not an absolute path")
      }
      return path
    }
    guard try text("name") == name else { throw wrong("\"name\" is not \(name)") }
    guard let start = UInt64(try text("start")) else { throw wrong("\"start\" is not a number") }
    guard case .bool(let isFakeRoot)? = value["fakeroot"] else { throw wrong("\"fakeroot\" is missing") }
    var filters: [SystemCallFilter] = []
    for filter in value["filters"]?.elements ?? [] {
      guard case .integer(let flags)? = filter["flags"], let flags = UInt32(exactly: flags),
        let words = filter["instructions"]?.elements
      else { throw wrong("\"filters\" is not a list of filters") }
      let instructions = words.compactMap { $0.text.flatMap { UInt64($0, radix: 16) } }
      guard instructions.count == words.count, !instructions.isEmpty else {
        throw wrong("\"filters\" has an instruction that is not a number")
      }
      filters.append(SystemCallFilter(instructions: instructions, flags: flags))
    }
    // Every program gets at least one. Without it, a changed file would give a program more rights.
    guard !filters.isEmpty else { throw wrong("\"filters\" is empty") }
    var group: FilePath?
    if let member = value["group"], member != .null { group = try path("group") }
    self.init(
      name: name, user: try text("user"),
      container: RunningContainer(
        process: try process("pid"), image: try path("image"), home: try path("home"), isFakeRoot: isFakeRoot,
        group: group, isLimited: value["limited"] != .bool(false), filters: filters),
      processStart: start, master: try process("ppid"), boot: try text("boot"),
      outputLog: try path("logOutPath"),
      errorLog: try path("logErrPath"))
  }

  /// Opens the container's first process.
  ///
  /// - Throws: ``InstanceError/Code/notFound`` if the container has ended, and perhaps another process has its number.
  public func open() throws(InstanceError) -> ProcessHandle {
    let gone = InstanceError(.notFound, "the instance \(name) has ended")
    guard let boot = try? ProcessHandle.bootID(), boot == self.boot else { throw gone }
    let handle: ProcessHandle
    do { handle = try ProcessHandle(opening: container.process) } catch {
      throw error.errno == .noSuchProcess ? gone : InstanceError(error)
    }
    guard ProcessHandle.start(of: container.process) == processStart, !handle.hasEnded else { throw gone }
    return handle
  }
}
