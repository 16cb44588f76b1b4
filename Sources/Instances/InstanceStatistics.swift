import Glibc
import LinuxSystem

/// What the kernel has counted for an instance's control group.
public struct InstanceStatistics: Sendable, Equatable {
  /// Processor time in microseconds.
  public let processorMicroseconds: UInt64
  /// Memory in use, in bytes.
  public let memory: UInt64
  /// The most memory, in bytes: the limit, or that of the machine.
  public let memoryLimit: UInt64
  /// Bytes read from block devices.
  public let bytesRead: UInt64
  /// Bytes written to block devices.
  public let bytesWritten: UInt64
  /// The number of processes and threads.
  public let processes: UInt64

  /// Reads the counters.
  ///
  /// - Throws: ``InstanceError/Code/noStatistics`` if the instance has no control group of its own.
  public init(of instance: InstanceRecord) throws(InstanceError) {
    guard let group = instance.container.group else {
      throw InstanceError(
        .noStatistics,
        "nothing is counted for the instance \(instance.name): it has no control group of its own")
    }
    func text(_ file: String) throws(InstanceError) -> String {
      do throws(SystemError) {
        let bytes = try OwnedDescriptor(opening: group.appending(file), flags: O_RDONLY).readToEnd(
          limit: 1 << 20)
        return String(decoding: bytes, as: UTF8.self)
      } catch {
        throw InstanceError(
          .noStatistics, "nothing is counted for the instance \(instance.name): \(error)", system: error)
      }
    }
    func number(_ text: String) -> UInt64? { UInt64(text.prefix { !$0.isWhitespace }) }
    processorMicroseconds = Self.field("usage_usec", of: try text("cpu.stat"))
    memory = number(try text("memory.current")) ?? 0
    memoryLimit =
      number(try text("memory.max"))
      ?? UInt64(clamping: sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)))
    let io = (try? text("io.stat")) ?? ""
    bytesRead = Self.sum("rbytes=", of: io)
    bytesWritten = Self.sum("wbytes=", of: io)
    processes = number(try text("pids.current")) ?? 0
  }

  /// The number after a name at the beginning of a line.
  private static func field(_ name: String, of text: String) -> UInt64 {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == name { return UInt64(words[1]) ?? 0 }
    }
    return 0
  }

  /// The sum over all devices.
  private static func sum(_ name: String, of text: String) -> UInt64 {
    text.split { $0 == " " || $0 == "\n" }.filter { $0.hasPrefix(name) }
      .reduce(0) { $0 &+ (UInt64($1.dropFirst(name.count)) ?? 0) }
  }
}
