import Bytes
import CommandKit
import Forensics
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

  /// The failure of an examination that began in a state, if the file has changed since; nil if not.
  static func change(of storage: FileStorage, since state: FileState) throws -> ToolFailure? {
    try FileState(of: storage) == state ? nil : changed
  }

  static let changed = ToolFailure(.failure, code: "changed", "the file changed while it was examined")

  /// Writes a file of results.
  static func write(_ bytes: [UInt8], to path: FilePath) throws {
    try refuse(path, allowsStreams: true)
    let file = try OutputFile(writing: path, mode: 0o644)
    try file.write(bytes.span.bytes)
    try file.commit()
  }

  /// Writes an image.
  static func writeImage(to path: FilePath, _ fill: (any Storage) throws -> Void) throws {
    try refuse(path)
    try NewImageFile.write(replacing: path, mode: 0o755, fill)
  }

  /// Refuses to replace an existing file, above all an image.
  private static func refuse(_ path: FilePath, allowsStreams: Bool = false) throws {
    var target = stat()
    if allowsStreams, OutputFile.isStream(path) { return }
    guard path.withPlatformString({ lstat($0, &target) }) != 0 else {
      throw SystemError(errno: .fileExists, operation: "create", path: path)
    }
  }
}
