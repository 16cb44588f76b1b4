import Glibc
public import LinuxSystem
import SIF
public import SystemPackage

/// An image that a scan found, open for reading.
public struct FoundImage: Sendable {
  /// The path: the directory that the scan began with, and the path beneath it. Raw bytes.
  public let path: [UInt8]
  /// The open file.
  public let storage: EvidenceStorage
  /// Its length in bytes.
  public let size: Int64
  /// The number of its inode.
  public let inode: UInt64
  /// The time of its last change: seconds and nanoseconds since the epoch.
  public let modifiedAt: (seconds: Int64, nanoseconds: Int64)
}

/// Something that a scan could not examine.
public struct ScanObstacle: Sendable {
  /// The path, as raw bytes.
  public let path: [UInt8]
  /// The reason.
  public let error: SystemError
}

/// An event of a scan.
public enum ScanEvent: Sendable {
  /// A SIF image, recognised by its magic, whatever its name.
  case image(FoundImage)
  /// Something that could not be examined.
  case obstacle(ScanObstacle)
}

/// Walks directories and finds the SIF images in them; the names of each directory come in the order of their
/// bytes.
///
/// Only regular files are opened. Symbolic links are not followed, except the paths that the scan starts
/// with. A directory that is reached within itself, through a mount, is left out. Files and directories keep
/// their access times if the kernel permits that.
public struct DirectoryScan: ~Copyable {
  /// The deepest nesting: each level holds an open descriptor.
  public static let deepest = 256

  /// The end of the magic in the header.
  private static let magicEnd = Header.launchScriptByteCount + Header.magic.count

  private struct Frame {
    let directory: Directory
    /// The remaining names, the last one first.
    var names: [[UInt8]]
    let path: [UInt8]
    let relativePath: [UInt8]
    let device: UInt64
    let inode: UInt64
  }

  private final class Directory {
    let descriptor: OwnedDescriptor
    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
  }

  private struct Identity: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  private var roots: [FilePath]
  /// The directories among the roots, and those of them that were already walked, within another one or
  /// before.
  private let rootDirectories: Set<Identity>
  private var doneDirectories: Set<Identity> = []
  /// The same for the files among the roots, by their paths, since a file may have several.
  private let rootFiles: Set<[UInt8]>
  private var doneFiles: Set<[UInt8]> = []
  private var frames: [Frame] = []
  private let shard: Shard
  private let staysOnFileSystem: Bool
  /// The number of regular files that were examined.
  public private(set) var filesSeen = 0

  /// A scan.
  ///
  /// - Parameters:
  ///   - roots: directories, or files.
  ///   - shard: the part of the files to examine.
  ///   - staysOnFileSystem: whether to leave out directories on file systems other than their root's.
  public init(_ roots: [FilePath], shard: Shard = .whole, staysOnFileSystem: Bool = false) {
    self.roots = roots.reversed()
    (rootDirectories, rootFiles) = Self.kinds(of: roots)
    self.shard = shard
    self.staysOnFileSystem = staysOnFileSystem
  }

  /// The next event, or nil at the end.
  public mutating func next() -> ScanEvent? {
    while true {
      if frames.isEmpty {
        guard let root = roots.popLast() else { return nil }
        if let event = start(root) { return event }
        continue
      }
      let top = frames.count - 1
      guard let name = frames[top].names.popLast() else {
        frames.removeLast()
        continue
      }
      if let event = look(at: name, in: frames[top]) { return event }
    }
  }

  private static func kinds(of roots: [FilePath]) -> (Set<Identity>, Set<[UInt8]>) {
    var (directories, files): (Set<Identity>, Set<[UInt8]>) = ([], [])
    for root in roots {
      var status = stat()
      guard root.withPlatformString({ stat($0, &status) }) == 0 else { continue }
      if status.st_mode & S_IFMT == S_IFDIR {
        directories.insert(Identity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
      } else {
        files.insert(bytes(of: root))
      }
    }
    return (directories, files)
  }

  /// Whether a directory was already walked, within another root or as one; this is noted for roots only.
  private mutating func isDone(_ device: UInt64, _ inode: UInt64) -> Bool {
    let identity = Identity(device: device, inode: inode)
    return rootDirectories.contains(identity) && !doneDirectories.insert(identity).inserted
  }

  /// Whether a file was already met, as a root or within one.
  private mutating func isDone(_ path: [UInt8]) -> Bool {
    rootFiles.contains(path) && !doneFiles.insert(path).inserted
  }

  private mutating func start(_ root: FilePath) -> ScanEvent? {
    let path = Self.bytes(of: root)
    do throws(SystemError) {
      // A FIFO would block without O_NONBLOCK, a terminal could become the controlling one without O_NOCTTY.
      let descriptor = try OwnedDescriptor(opening: root, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
      let status = try descriptor.status()
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        guard !isDone(UInt64(status.st_dev), UInt64(status.st_ino)) else { return nil }
        var prefix = path
        while prefix.count > 1, prefix.last == 0x2F { prefix.removeLast() }
        try enter(descriptor, status, path: prefix, relativePath: [])
        return nil
      case S_IFREG:
        let name = Array(path.split(separator: 0x2F).last ?? [])
        guard !isDone(path), shard.contains(name) else { return nil }
        return try sniff(descriptor, status, path: path)
      default:
        throw SystemError(
          errno: .invalidArgument, operation: "scan", path: root,
          detail: "it is \(FileKind.name(status.st_mode))")
      }
    } catch {
      return .obstacle(ScanObstacle(path: path, error: error))
    }
  }

  private static func bytes(of path: FilePath) -> [UInt8] {
    path.withPlatformString { text in (0..<strlen(text)).map { UInt8(bitPattern: text[$0]) } }
  }

  private mutating func enter(
    _ descriptor: consuming OwnedDescriptor, _ status: stat, path: [UInt8], relativePath: [UInt8]
  ) throws(SystemError) {
    _ = descriptor.keepAccessTime()
    let names = try descriptor.names().sorted { $1.lexicographicallyPrecedes($0) }
    frames.append(
      Frame(
        directory: Directory(descriptor), names: names, path: path, relativePath: relativePath,
        device: UInt64(status.st_dev), inode: UInt64(status.st_ino)))
  }

  private mutating func look(at name: [UInt8], in frame: Frame) -> ScanEvent? {
    let path = frame.path + (frame.path.last == 0x2F ? [] : [0x2F]) + name
    let relativePath = frame.relativePath.isEmpty ? name : frame.relativePath + [0x2F] + name
    do throws(SystemError) {
      // It vanished after the directory was read: treat it as if it had never existed.
      guard let status = try frame.directory.descriptor.status(of: name) else { return nil }
      switch status.st_mode & S_IFMT {
      case S_IFDIR:
        return try descend(name, status, in: frame, path: path, relativePath: relativePath)
      case S_IFREG:
        // Too short for the magic. Files of /proc, which can do more than being read, also say that they are
        // empty.
        guard Int(status.st_size) >= Self.magicEnd, !isDone(path), shard.contains(relativePath) else {
          return nil
        }
        let descriptor = try frame.directory.descriptor.openBeneath(
          name, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
        let opened = try descriptor.status()
        return try sniff(descriptor, opened, path: path)
      default: return nil
      }
    } catch {
      guard error.errno != .noSuchFileOrDirectory, shard.contains(relativePath) else { return nil }
      return .obstacle(ScanObstacle(path: path, error: error))
    }
  }

  private mutating func descend(
    _ name: [UInt8], _ status: stat, in frame: Frame, path: [UInt8], relativePath: [UInt8]
  ) throws(SystemError) -> ScanEvent? {
    let (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
    guard !staysOnFileSystem || device == frames[0].device,
      !frames.contains(where: { $0.device == device && $0.inode == inode })
    else { return nil }
    guard frames.count < Self.deepest else {
      throw SystemError(
        errno: .tooManySymbolicLinkLevels, operation: "go deeper than \(Self.deepest) directories")
    }
    guard !isDone(device, inode) else { return nil }
    let descriptor = try frame.directory.descriptor.openDirectory(name)
    let opened = try descriptor.status()
    try enter(descriptor, opened, path: path, relativePath: relativePath)
    return nil
  }

  /// Whether an open file is an image, by the magic in its header.
  private mutating func sniff(
    _ descriptor: consuming OwnedDescriptor, _ status: stat, path: [UInt8]
  ) throws(SystemError) -> ScanEvent? {
    // Another file may have replaced it.
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    filesSeen += 1
    _ = descriptor.keepAccessTime()
    var start = [UInt8](repeating: 0, count: Self.magicEnd)
    var failure: SystemError?
    let count = start.withUnsafeMutableBytes { buffer -> Int in
      do throws(SystemError) { return try descriptor.read(into: buffer, at: 0) } catch {
        failure = error
        return 0
      }
    }
    if let failure { throw failure }
    guard count == start.count, Array(start[Header.launchScriptByteCount...]) == Header.magic else {
      return nil
    }
    return .image(
      FoundImage(
        path: path, storage: EvidenceStorage(adopting: descriptor), size: Int64(status.st_size),
        inode: UInt64(status.st_ino),
        modifiedAt: (Int64(status.st_mtim.tv_sec), Int64(status.st_mtim.tv_nsec))))
  }
}

extension FoundImage {
  /// The time of the last change in ISO 8601, with nanoseconds: two states of a file rarely have the same
  /// one.
  public var modificationTime: String {
    let digits = String(modifiedAt.nanoseconds)
    let fraction = String(repeating: "0", count: max(9 - digits.utf8.count, 0)) + digits
    return "\(Timestamp(seconds: modifiedAt.seconds).iso8601.dropLast()).\(fraction)Z"
  }
}
