import Glibc
public import SystemPackage

/// A mount, as in /proc/self/mountinfo.
public struct MountEntry: Sendable, Equatable {
  /// The number of the mount; later mounts usually have greater numbers.
  public let id: Int
  /// The device, as `major:minor`.
  public let device: String
  /// The directory or file of the file system that is shown: `/`, unless it is a bind mount of a part.
  public let root: FilePath
  /// The place of the mount, from this process's root.
  public let target: FilePath
  /// The mount's options, such as `ro` and `nosuid`.
  public let options: [String]
  /// The file system's type; for FUSE with a dot and a subtype.
  public let type: String
  /// The source: a device, or a name that the file system chose.
  public let source: [UInt8]

  /// Reads one line of the table; nil if the line is malformed.
  init?(line: ArraySlice<UInt8>) {
    // A source may be empty.
    let fields = line.split(separator: 0x20, omittingEmptySubsequences: false)
    // Six fields, any number of optional ones up to a dash, then three.
    guard fields.count >= 10, let dash = fields[6...].firstIndex(where: { $0.elementsEqual([0x2D]) }),
      fields.count >= dash + 4, let id = Int(String(decoding: fields[0], as: UTF8.self))
    else { return nil }
    self.id = id
    device = String(decoding: fields[2], as: UTF8.self)
    root = FilePath(bytes: Self.unescape(fields[3]))
    target = FilePath(bytes: Self.unescape(fields[4]))
    options = fields[5].split(separator: 0x2C).map { String(decoding: $0, as: UTF8.self) }
    type = String(decoding: fields[dash + 1], as: UTF8.self)
    source = Self.unescape(fields[dash + 2])
  }

  /// Spaces, tabs, newlines and backslashes are written as a backslash and three octal digits.
  private static func unescape(_ field: ArraySlice<UInt8>) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = field
    while let byte = rest.popFirst() {
      let digits = rest.prefix(3)
      if byte == 0x5C, digits.count == 3,
        let value = UInt8(String(decoding: digits, as: UTF8.self), radix: 8)
      {
        bytes.append(value)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return bytes
  }
}

/// The mounts that this process sees.
public enum MountTable {
  /// All mounts, in the kernel's order: one that covers another comes later.
  public static func read() throws(SystemError) -> [MountEntry] {
    try lines(of: "self").compactMap(MountEntry.init(line:))
  }

  /// All paths of a file: the given one, and those by which other mounts of its file system show it.
  ///
  /// - Parameter path: an absolute path without links.
  public static func aliases(of path: FilePath) throws(SystemError) -> [FilePath] {
    let mounts = try read()
    // The topmost mount that contains the file.
    guard let own = mounts.last(where: { path.starts(with: $0.target) }) else { return [path] }
    let inside = own.root.appending(path.components.dropFirst(own.target.components.count))
    let others = mounts.filter { $0.device == own.device && inside.starts(with: $0.root) }.map { mount in
      mount.target.appending(inside.components.dropFirst(mount.root.components.count))
    }
    return [path] + others.filter { $0 != path }
  }

  /// The numbers of all mounts that a process sees.
  ///
  /// - Parameter process: a process's name in /proc.
  static func identifiers(of process: String) throws(SystemError) -> Set<Int> {
    Set(try lines(of: process).compactMap { Int(String(decoding: $0.prefix { $0 != 0x20 }, as: UTF8.self)) })
  }

  private static func lines(of process: String) throws(SystemError) -> [ArraySlice<UInt8>] {
    let file = try OwnedDescriptor(opening: FilePath("/proc/\(process)/mountinfo"), flags: O_RDONLY)
    return try file.readToEnd(limit: 64 << 20).split(separator: 0x0A)
  }
}

extension OwnedDescriptor {
  /// The mount that this open file is on, as a ``MountEntry/id``. This process does not necessarily see that mount.
  ///
  /// - Returns: nil if the kernel does not tell.
  public func mountID() throws(SystemError) -> Int? {
    let file = try OwnedDescriptor(opening: FilePath("/proc/self/fdinfo/\(rawValue)"), flags: O_RDONLY)
    for line in try file.readToEnd(limit: 1 << 16).split(separator: 0x0A) {
      let parts = line.split(separator: 0x3A)
      guard parts.count == 2, parts[0].elementsEqual("mnt_id".utf8) else { continue }
      return Int(String(decoding: parts[1].filter { $0 != 0x09 && $0 != 0x20 }, as: UTF8.self))
    }
    return nil
  }
}

extension FilePath {
  /// Makes a path from raw bytes.
  public init(bytes: [UInt8]) {
    self = withTerminated(bytes) { FilePath(platformString: $0) }
  }

  /// The path's raw bytes.
  public var bytes: [UInt8] {
    withPlatformString { text in
      UnsafeRawBufferPointer(start: text, count: strlen(text)).map { $0 }
    }
  }
}
