import Glibc
public import SystemPackage

/// The output of a stream of bytes. A FIFO or a device is written to directly; otherwise a new file takes the name, and
/// replaces a regular file, only when it is complete.
public struct OutputFile: ~Copyable {
  private enum Place: ~Copyable {
    case stream(OwnedDescriptor)
    case replacement(ReplacementFile)
  }

  private let place: Place
  private let path: FilePath
  /// The descriptor that the bytes are written to, at its current position.
  public let number: Int32

  /// Whether a path leads to something that takes bytes as they come and keeps its place.
  public static func isStream(_ path: FilePath) -> Bool {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return false }
    return [S_IFIFO, S_IFCHR, S_IFBLK].contains(status.st_mode & S_IFMT)
  }

  /// Begins to write. If it is a FIFO, waits until somebody reads from it.
  ///
  /// - Parameters:
  ///   - mode: permission bits of a new file, before the umask.
  ///   - allowsStreams: whether there may be a FIFO or a device. A path that nobody named is not to be one: whoever put a
  ///     FIFO there could have this process wait for ever.
  /// - Throws: ``SystemError`` where there is a directory, a socket, or what this process may not write to.
  public init(writing path: FilePath, mode: mode_t, allowsStreams: Bool = true) throws(SystemError) {
    self.path = path
    place = try Self.place(path, mode, allowsStreams: allowsStreams)
    switch place {
    case .stream(let descriptor): number = descriptor.rawValue
    case .replacement(let file): number = file.descriptor.rawValue
    }
  }

  private static func place(
    _ path: FilePath, _ mode: mode_t, allowsStreams: Bool
  ) throws(SystemError) -> Place {
    if allowsStreams, isStream(path) {
      let stream = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_NOCTTY)
      // A regular file that has taken its place since then would be written over.
      guard try stream.status().st_mode & S_IFMT != S_IFREG else {
        throw SystemError(errno: .fileExists, operation: "write to", path: path)
      }
      return .stream(stream)
    }
    var status = stat()
    if path.withPlatformString({ stat($0, &status) }) == 0 {
      if status.st_mode & S_IFMT == S_IFDIR {
        throw SystemError(errno: .isDirectory, operation: "write to", path: path)
      }
      if status.st_mode & S_IFMT == S_IFSOCK {
        throw SystemError(errno: .notSupported, operation: "write to the socket", path: path)
      }
    }
    return .replacement(try ReplacementFile(replacing: path, mode: mode))
  }

  /// Adds bytes at the end.
  public func write(_ bytes: RawSpan) throws(SystemError) {
    var rest = bytes
    while rest.byteCount > 0 {
      let count = try SystemError.check("write to", path) {
        rest.withUnsafeBytes { Glibc.write(number, $0.baseAddress, $0.count) }
      }
      rest = rest.extracting(droppingFirst: count)
    }
  }

  /// Ends the stream: a new file gets its name.
  public consuming func commit() throws(SystemError) {
    guard case .replacement(var file) = place else { return }
    try file.commit()
  }
}
