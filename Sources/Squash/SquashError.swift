public import Bytes
import LinuxSystem

/// A failure of a squashfs operation: a stable code, what happened, where, and the status of the failed call.
public struct SquashError: Fault, SystemErrorConvertible, Equatable, Sendable {
  /// The kind of failure. The raw value is stable and appears in JSON.
  public enum Code: String, Sendable {
    /// The expected squashfs superblock does not exist.
    case notSquashfs = "not-squashfs"
    /// A squashfs, of a version other than 4.0.
    case unsupportedVersion = "unsupported-version"
    /// A squashfs whose compressor this build cannot handle.
    case unsupportedCompression = "unsupported-compression"
    /// The file ends before the file system does.
    case truncated
    /// A structure contradicts the format or itself.
    case corrupt
    /// The bytes that the image lies in were changed after they were encrypted.
    case tampered
    /// A name that could escape its directory, or that is not a valid name; it is refused.
    case hostileName = "hostile-name"
    /// A name that its directory already has; the second one is refused.
    case duplicateEntry = "duplicate-entry"
    /// A name that sorts before its predecessor; it is refused.
    case unsortedEntry = "unsorted-entry"
    /// A directory that is reached a second time: a loop, or a second parent.
    case directoryLoop = "directory-loop"
    /// Directories nested deeper than the limit.
    case tooDeep = "too-deep"
    /// No entry of that path.
    case notFound = "not-found"
    /// A directory was needed.
    case notDirectory = "not-directory"
    /// A regular file was needed.
    case notRegularFile = "not-regular-file"
    /// Symbolic links that lead to each other.
    case symlinkLoop = "symlink-loop"
    /// A count or size beyond what this implementation accepts.
    case limitExceeded = "limit-exceeded"
    /// Something that the format, or the archive, cannot express.
    case unsupported
    /// The caller's options make no sense.
    case invalidArgument = "invalid-argument"
    /// The operating system refused; ``SquashError/errno`` says why.
    case system
    /// libsquashfs refused; ``SquashError/status`` says why.
    case library
  }

  /// The kind of failure.
  public var code: Code
  /// A clause without a final stop that says what happened.
  public var what: String
  /// The path inside the file system (or, when extracting, beneath the destination) as raw bytes.
  public var path: [UInt8]?
  /// The byte of the file, or of the archive, where the contradiction was seen; nil if it was seen in decrypted bytes.
  public var offset: Int64?
  /// The status of libsquashfs (`SQFS_ERROR`), negative.
  public var status: Int32?
  /// The kernel's reason.
  public var errno: Int32?

  /// An error with everything that is known about it.
  public init(
    _ code: Code, _ what: String, path: [UInt8]? = nil, offset: Int64? = nil, status: Int32? = nil,
    errno: Int32? = nil
  ) {
    self.code = code
    self.what = what
    self.path = path
    self.offset = offset
    self.status = status
    self.errno = errno
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause: the image, the arguments, the system or another one.
  public var kind: FaultKind {
    switch code {
    case .notSquashfs, .unsupportedVersion, .truncated, .corrupt, .hostileName, .duplicateEntry,
      .unsortedEntry,
      .directoryLoop, .tooDeep, .limitExceeded:
      .malformed
    case .tampered: .tampered
    case .system: .system
    case .invalidArgument: .argument
    case .notFound, .notDirectory, .notRegularFile, .symlinkLoop, .unsupported, .unsupportedCompression,
      .library:
      .other
    }
  }

  /// One sentence without a final stop. Bytes of the path that a terminal could obey are escaped.
  public var description: String {
    var text = what
    if let path { text = "\(path.escapedName): \(text)" }
    if let offset { text += " (at byte \(offset))" }
    if let status { text += " (libsquashfs status \(status))" }
    return text
  }

  /// The same error with a path, unless it already has one.
  func at(path: [UInt8]) -> SquashError {
    var copy = self
    if copy.path == nil { copy.path = path }
    return copy
  }

  /// The error for a failed system call, with the file that it was about.
  package init(_ error: SystemError) {
    self.init(.system, error.description, errno: error.errno.rawValue)
  }

  /// The error for a failure of the storage beneath. It keeps the operating system's words.
  public init(_ fault: StorageFault) {
    if let error = fault.underlying as? SystemError {
      self.init(.system, error.description, errno: error.errno.rawValue)
      return
    }
    let code: Code =
      switch fault.code {
      case .truncated: .truncated
      case .invalidArgument: .invalidArgument
      case .limitExceeded: .limitExceeded
      case .system: .system
      case .source:
        switch fault.kind {
        case .system: .system
        case .malformed: .corrupt
        case .tampered: .tampered
        default: .library
        }
      }
    // The place of a changed byte is one in the encrypted bytes, and stands in the sentence.
    self.init(code, fault.description, offset: code == .tampered ? nil : fault.offset)
  }

  /// The error for a failed system call on an entry of the image, whose path says more than that of the call.
  static func system(_ error: SystemError, path: [UInt8]? = nil) -> SquashError {
    SquashError(
      .system, "cannot \(error.operation): \(error.errno.description)", path: path,
      errno: error.errno.rawValue)
  }
}

/// Reads or writes bytes; failures become ``SquashError``.
func accessing<Result>(
  _ access: @autoclosure () throws(StorageFault) -> Result
) throws(SquashError) -> Result {
  do { return try access() } catch { throw SquashError(error) }
}

extension RandomAccess {
  /// The byte of the file at an offset of these bytes; nil if the file does not hold them.
  private func place(_ offset: Int64) -> Int64? {
    guard let (place, overflow) = origin?.addingReportingOverflow(offset), !overflow else { return nil }
    return place
  }

  /// The error for bytes that contradict the format. Its offset is that of the file.
  func corrupt(_ what: String, at offset: Int64) -> SquashError {
    SquashError(.corrupt, what, offset: place(offset))
  }

  /// Reads exactly `count` bytes, or throws if the image ends too early.
  func readExactly(
    _ destination: UnsafeMutableRawPointer, _ count: Int, at offset: Int64
  ) throws(SquashError) {
    let buffer = UnsafeMutableRawBufferPointer(start: destination, count: count)
    do throws(StorageFault) {
      try readExactly(into: buffer, at: offset, "the image ends inside a structure of \(count) bytes")
    } catch {
      var failure = SquashError(error)
      failure.offset = failure.offset.flatMap(place)
      throw failure
    }
  }
}
