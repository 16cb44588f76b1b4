public import Bytes
import Glibc
public import LinuxSystem
public import SystemPackage

/// Why a file with a secret was not read.
public enum SecretFileError: Fault, Equatable {
  /// The operating system refused or failed.
  case system(SystemError)
  /// The file is too large to be a key or a passphrase.
  case tooLarge(FilePath)
  /// No secure memory is left.
  case memory(GcryptError)

  /// A stable word for scripts.
  public var identifier: String { underlying?.identifier ?? "too-large" }

  /// Whose fault it is.
  public var kind: FaultKind { underlying?.kind ?? .key }

  /// The fault of the system, or of libgcrypt.
  public var underlying: (any Fault)? {
    switch self {
    case .system(let error): error
    case .tooLarge: nil
    case .memory(let error): error
    }
  }

  /// One sentence: what failed, with the file.
  public var description: String {
    switch self {
    case .system(let error): error.description
    case .tooLarge(let path): "\(path.printable): too large to be a key or a passphrase"
    case .memory(let error): error.description
    }
  }
}

/// Reads files with secrets straight into locked memory. The process then leaves no core dump.
public enum SecretFile {
  /// More than any file of keys is long, in bytes.
  public static let limit = 16 << 20

  /// The bytes of a file or a pipe.
  ///
  /// - Parameter limit: the most bytes that it may have.
  public static func read(
    _ path: FilePath, limit: Int = limit
  ) throws(SecretFileError) -> SecureBytes {
    let file: OwnedDescriptor
    do { file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY) } catch {
      throw .system(error)
    }
    return try read(from: file.rawValue, path, limit: limit)
  }

  /// The bytes that an open descriptor gives until its end.
  ///
  /// - Parameters:
  ///   - path: what the descriptor is called in errors.
  ///   - limit: the most bytes that it may give.
  public static func read(
    from descriptor: Int32, _ path: FilePath, limit: Int = limit
  ) throws(SecretFileError) -> SecureBytes {
    ProcessSecrecy.forbidDumps()
    var status = stat()
    let isFile = fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    // A pipe does not say how much it will give: keys fit into far less than this.
    let room = isFile ? min(Int(status.st_size), limit) + 1 : min(1 << 20, limit + 1)
    var bytes = try locked { () throws(GcryptError) in try SecureBytes(count: room) }
    let count = try fill(&bytes, from: descriptor, path)
    guard count < room else { throw .tooLarge(path) }
    return try locked { () throws(GcryptError) in try bytes.copy(0..<count) }
  }

  private static func locked(
    _ body: () throws(GcryptError) -> SecureBytes
  ) throws(SecretFileError) -> SecureBytes {
    do { return try body() } catch { throw .memory(error) }
  }

  private static func fill(
    _ bytes: inout SecureBytes, from descriptor: Int32, _ path: FilePath
  ) throws(SecretFileError) -> Int {
    var used = 0
    let room = bytes.count
    while used < room {
      let start = used
      var span = bytes.mutableSpan
      let count: Int
      do throws(SystemError) {
        count = try span.withUnsafeMutableBufferPointer { (buffer) throws(SystemError) in
          try SystemError.check("read", path) {
            Glibc.read(descriptor, buffer.baseAddress?.advanced(by: start), buffer.count - start)
          }
        }
      } catch { throw .system(error) }
      if count == 0 { break }
      used += count
    }
    return used
  }
}
