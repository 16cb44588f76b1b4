import Glibc
public import SystemPackage

/// A mount as /proc/self/mountinfo shows it.
public struct MountEntry: Sendable, Equatable {
  /// The number of the mount; those made later have greater ones, mostly.
  public let id: Int
  /// The device, as `major:minor`.
  public let device: String
  /// The directory or file of the file system that is shown there: `/`, unless it is a bind mount of a part.
  public let root: FilePath
  /// Where it is, from this process's root.
  public let target: FilePath
  /// The mount's options, such as `ro` and `nosuid`.
  public let options: [String]
  /// The file system's type, with a subtype behind a dot.
  public let type: String
  /// What is mounted: a device, or whatever the file system says.
  public let source: [UInt8]

  /// Reads one line of the table; nil where it is none.
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

  /// Spaces, tabs, newlines and backslashes stand as a backslash and three octal digits.
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

  /// Every path by which a file is in sight: the one given, and those that other mounts of its file system show it by.
  ///
  /// - Parameter path: absolute and free of links.
  public static func aliases(of path: FilePath) throws(SystemError) -> [FilePath] {
    let mounts = try read()
    // The last one that is mounted above the file.
    guard let own = mounts.last(where: { path.starts(with: $0.target) }) else { return [path] }
    let inside = own.root.appending(path.components.dropFirst(own.target.components.count))
    let others = mounts.filter { $0.device == own.device && inside.starts(with: $0.root) }.map { mount in
      mount.target.appending(inside.components.dropFirst(mount.root.components.count))
    }
    return [path] + others.filter { $0 != path }
  }

  /// The numbers of all mounts that a process sees.
  ///
  /// - Parameter process: as a name in /proc.
  static func identifiers(of process: String) throws(SystemError) -> Set<Int> {
    Set(try lines(of: process).compactMap { Int(String(decoding: $0.prefix { $0 != 0x20 }, as: UTF8.self)) })
  }

  private static func lines(of process: String) throws(SystemError) -> [ArraySlice<UInt8>] {
    let file = try OwnedDescriptor(opening: FilePath("/proc/\(process)/mountinfo"), flags: O_RDONLY)
    return try file.readToEnd(limit: 64 << 20).split(separator: 0x0A)
  }
}

extension OwnedDescriptor {
  /// The mount that this open file is on: that of ``MountEntry/id``, where this process sees it at all.
  ///
  /// - Returns: nil where the kernel does not tell.
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
  /// A path of raw bytes.
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
