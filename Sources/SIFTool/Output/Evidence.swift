import Bytes
import CommandKit
import Glibc
import LinuxSystem
import SIF
import SystemPackage

/// A file that is examined and must not change.
enum Evidence {
  /// Opens a file so that not even its access time changes; if the kernel does not allow that, the user is told.
  static func open(_ path: FilePath, _ reporter: Reporter) throws -> FileStorage {
    let storage = try FileStorage(opening: path, preservesAccessTime: true)
    if !storage.preservesAccessTime {
      reporter.note(
        "you do not own \(path.printable): reading it may change its access time")
    }
    return storage
  }

  /// A file's length and the time of its last change, by which writing to it is noticed.
  struct State: Equatable {
    let size: Int64
    let seconds: Int
    let nanoseconds: Int

    init(of storage: FileStorage) throws {
      let status = try storage.withDescriptor { (descriptor) throws(SystemError) in
        try descriptor.status()
      }
      size = try storage.byteCount
      (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }

    /// The failure of an examination that began in this state, if the file has changed since; nil if not.
    func change(of storage: FileStorage) throws -> ToolFailure? {
      try State(of: storage) == self ? nil : Evidence.changed
    }
  }

  static let changed = ToolFailure(.failure, code: "changed", "the file changed while it was examined")

  /// Writes a file of results, which must not be the file that is examined.
  static func write(_ bytes: [UInt8], to path: FilePath, examining storage: FileStorage) throws {
    try refuse(path, examining: storage, allowsStreams: true)
    let file = try OutputFile(writing: path, mode: 0o644)
    try file.write(bytes.span.bytes)
    try file.commit()
  }

  /// Writes an image, which must not be the file that is examined.
  static func writeImage(
    to path: FilePath, examining storage: FileStorage, _ fill: (any Storage) throws -> Void
  ) throws {
    try refuse(path, examining: storage)
    try NewImageFile.write(replacing: path, mode: 0o755, fill)
  }

  /// Refuses to replace an existing file, above all the image itself.
  private static func refuse(
    _ path: FilePath, examining storage: FileStorage, allowsStreams: Bool = false
  ) throws {
    let evidence = try storage.withDescriptor { (descriptor) throws(SystemError) in try descriptor.status() }
    var target = stat()
    if path.withPlatformString({ stat($0, &target) }) == 0,
      (target.st_dev, target.st_ino) == (evidence.st_dev, evidence.st_ino)
    {
      throw ToolFailure.usage(
        "\(path.printable) is the image itself: it is not overwritten")
    }
    if allowsStreams, OutputFile.isStream(path) { return }
    guard path.withPlatformString({ lstat($0, &target) }) != 0 else {
      throw SystemError(errno: .fileExists, operation: "create", path: path)
    }
  }
}
