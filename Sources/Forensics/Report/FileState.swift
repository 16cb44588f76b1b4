import LinuxSystem
public import SIF

/// A file's length and the time of its last change, by which writing to it is noticed.
public struct FileState: Equatable, Sendable {
  private let size: Int64
  /// When the file was last changed.
  public let changeTime: Timestamp
  private let nanoseconds: Int

  /// The state of an open file.
  ///
  /// - Throws: ``SystemError`` or ``StorageFault``.
  public init(of storage: FileStorage) throws {
    let status = try storage.withDescriptor { (descriptor) throws(SystemError) in
      try descriptor.status()
    }
    size = try storage.byteCount
    changeTime = Timestamp(seconds: Int64(status.st_mtim.tv_sec))
    nanoseconds = status.st_mtim.tv_nsec
  }
}
