public import Bytes
public import Gcrypt
public import LinuxSystem

/// Why a volume was not opened, made or changed.
public struct LUKSError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kind of fault; its raw value is stable.
  public enum Code: String, Sendable, CaseIterable {
    /// No LUKS volume.
    case notLUKS = "not-luks"
    /// The volume ends before its header, or its data, do.
    case truncated
    /// No copy of the header is whole, or it contradicts itself.
    case damagedHeader = "damaged-header"
    /// The data are encrypted in a way that is not allowed.
    case cipher = "cipher-not-allowed"
    /// The data, or the keys, are not encrypted at all.
    case nullCipher = "null-cipher"
    /// The data lie in another place than behind the header.
    case detachedData = "detached-data"
    /// The sectors are authenticated, with tags that lie between them.
    case integrity = "integrity-not-supported"
    /// A re-encryption was begun and not finished.
    case reencryption = "reencryption-in-progress"
    /// The header names requirements that this version does not know.
    case requirements = "unknown-requirements"
    /// A kind of segment, key slot or field that this version does not know.
    case unsupported
    /// Deriving the key would cost more than is allowed.
    case cost = "kdf-cost"
    /// No key slot opens with the key.
    case wrongKey = "wrong-key"
    /// No room for another key slot.
    case noFreeKeySlot = "no-free-key-slot"
    /// No key slot has that number, or it is the last one.
    case keySlot = "key-slot"
    /// A value that the caller gave does not fit.
    case invalidArgument = "invalid-argument"
    /// libcryptsetup is not there.
    case noLibrary = "no-libcryptsetup"
    /// libcryptsetup or libgcrypt failed.
    case library
    /// The operating system refused or failed.
    case system
  }

  /// The kind of fault.
  public var code: Code
  /// One sentence, without a final stop.
  public var message: String
  /// Where in the volume, in bytes from its start.
  public var offset: Int64?
  /// The operating system's reason (`errno`), where that failed.
  public var errno: Int32?

  /// A fault of its kind.
  public init(_ code: Code, _ message: String, offset: Int64? = nil, errno: Int32? = nil) {
    self.code = code
    self.message = message
    self.offset = offset
    self.errno = errno
  }

  /// A failure of libgcrypt.
  public init(_ error: GcryptError) { self.init(.library, error.description) }

  /// A failed system call.
  public init(_ error: SystemError) { self.init(.system, error.description, errno: error.errno.rawValue) }

  /// A failure of the bytes that the volume lies in. What the operating system said comes out in its words.
  public init(_ fault: StorageFault) {
    if let error = fault.underlying as? SystemError {
      self.init(error)
      return
    }
    let code: Code =
      switch fault.code {
      case .truncated, .limitExceeded: .truncated
      case .invalidArgument: .invalidArgument
      case .system: .system
      case .source: fault.kind == .system ? .system : .library
      }
    self.init(code, fault.description, offset: fault.offset)
  }

  /// One sentence: what, and where.
  public var description: String { message + (offset.map { " (at byte \($0) of the volume)" } ?? "") }
}

/// Reads or writes the bytes of a volume, whose failures become errors of volumes.
func accessing<Result>(
  _ access: @autoclosure () throws(StorageFault) -> Result
) throws(LUKSError) -> Result {
  do { return try access() } catch { throw LUKSError(error) }
}

extension StorageFault {
  /// A failure of libgcrypt, in what decrypts or encrypts on the way.
  init(_ error: GcryptError) { self.init(.source, error.description) }
}
