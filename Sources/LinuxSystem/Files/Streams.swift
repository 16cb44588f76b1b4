import CLinux
import Glibc
import SystemPackage

/// Descriptors that are read as a stream, or that other programs inherit.
extension OwnedDescriptor {
  /// A file in memory, without a name in any directory.
  public static func memory(named name: String) throws(SystemError) -> OwnedDescriptor {
    let number = try SystemError.check("make a file in memory") { linux_memory_file(name) }
    return OwnedDescriptor(adopting: number, path: FilePath(name))
  }

  /// Reads from the current position to the end of the stream, or until there are `limit` bytes.
  public func readToEnd(limit: Int) throws(SystemError) -> [UInt8] {
    var bytes: [UInt8] = []
    var block = [UInt8](repeating: 0, count: max(min(limit, 1 << 16), 0))
    while bytes.count < limit {
      let count = try SystemError.check("read", path) {
        block.withUnsafeMutableBytes { Glibc.read(rawValue, $0.baseAddress, $0.count) }
      }
      if count == 0 { break }
      bytes += block.prefix(min(count, limit - bytes.count))
    }
    return bytes
  }

  /// Keeps the descriptor open in the programs that this process becomes or starts.
  public func survivesExecute() throws(SystemError) {
    try SystemError.check("keep open", path) { fcntl(rawValue, F_SETFD, 0) }
  }
}
