import CLinux
import Glibc

/// Extended attributes by raw names and values.
extension OwnedDescriptor {
  /// Whether this file has an attribute.
  public func hasAttribute(_ name: [UInt8]) -> Bool {
    withTerminated(name) { linux_fgetxattr(rawValue, $0, nil, 0) } >= 0
  }

  /// Sets an attribute of this file.
  public func setAttribute(_ name: [UInt8], _ value: [UInt8]) throws(SystemError) {
    try SystemError.check("set an extended attribute") {
      withTerminated(name) { linux_fsetxattr(rawValue, $0, value, value.count) }
    }
  }

  /// Sets an attribute of a file of this directory. A symbolic link is not followed.
  public func setAttribute(of file: [UInt8], _ name: [UInt8], _ value: [UInt8]) throws(SystemError) {
    let path = pathThroughDescriptor(file)
    try SystemError.check("set an extended attribute") {
      withTerminated(path) { path in
        withTerminated(name) { linux_lsetxattr(path, $0, value, value.count) }
      }
    }
  }

  /// The attributes of a file of this directory, sorted by name; none if the file system has no attributes.
  public func attributes(of file: [UInt8]) throws(SystemError) -> [(name: [UInt8], value: [UInt8])] {
    let path = pathThroughDescriptor(file)
    let list = try Self.fill("list extended attributes") { buffer, count in
      withTerminated(path) { linux_llistxattr($0, buffer?.assumingMemoryBound(to: CChar.self), count) }
    }
    var attributes: [(name: [UInt8], value: [UInt8])] = []
    for name in list.split(separator: 0).map(Array.init).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let value = try Self.fill("read an extended attribute") { buffer, count in
        withTerminated(path) { path in
          withTerminated(name) { linux_lgetxattr(path, $0, buffer, count) }
        }
      }
      attributes.append((name, value))
    }
    return attributes
  }

  /// There are no calls for attributes relative to a directory, so this uses the kernel's name of the open directory.
  private func pathThroughDescriptor(_ file: [UInt8]) -> [UInt8] {
    Array("/proc/self/fd/\(rawValue)/".utf8) + file
  }

  /// Asks for the length and then for the bytes, until both agree.
  private static func fill(
    _ operation: String, _ call: (UnsafeMutableRawPointer?, Int) -> Int
  ) throws(SystemError) -> [UInt8] {
    while true {
      do {
        let count = try SystemError.check(operation) { call(nil, 0) }
        guard count > 0 else { return [] }
        var bytes = [UInt8](repeating: 0, count: count)
        let filled = try SystemError.check(operation) {
          bytes.withUnsafeMutableBytes { call($0.baseAddress, $0.count) }
        }
        bytes.removeSubrange(filled...)
        return bytes
      } catch  where error.errno == .notSupported || error.errno == .noData {
        return []
      } catch  where error.errno == .outOfRange {
        continue
      }
    }
  }
}
