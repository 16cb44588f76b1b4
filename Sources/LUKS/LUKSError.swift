public import Bytes
public import Gcrypt
public import LinuxSystem

/// The reason why a volume was not opened, made or changed.
public struct LUKSError: Fault, Equatable, Sendable {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable, CaseIterable {
    /// The bytes are not a LUKS volume.
    case notLUKS = "not-luks"
    /// The volume ends within its header or its data.
    case truncated
    /// No copy of the header is intact, or the header contradicts itself.
    case damagedHeader = "damaged-header"
    /// The data are encrypted in a way that is not allowed.
    case cipher = "cipher-not-allowed"
    /// The data, or the keys, are not encrypted at all.
    case nullCipher = "null-cipher"
    /// The data are not in the place after the header.
    case detachedData = "detached-data"
    /// The sectors are authenticated, with tags between them.
    case integrity = "integrity-not-supported"
    /// A re-encryption was started and not finished.
    case reencryption = "reencryption-in-progress"
    /// The header names requirements that this version does not know.
    case requirements = "unknown-requirements"
    /// A kind of segment, key slot or field that this version does not know.
    case unsupported
    /// Deriving the key would cost more than the limit.
    case cost = "kdf-cost"
    /// The key opens no key slot.
    case wrongKey = "wrong-key"
    /// No room for another key slot.
    case noFreeKeySlot = "no-free-key-slot"
    /// No key slot has that number, or it is the last one.
    case keySlot = "key-slot"
    /// The caller gave an invalid value.
    case invalidArgument = "invalid-argument"
    /// libcryptsetup is not installed, or too old.
    case noLibrary = "no-libcryptsetup"
    /// libcryptsetup or libgcrypt failed.
    case library
    /// The operating system refused or failed.
    case system
  }

  /// The kind of error.
  public var code: Code
  /// One sentence, without a final stop.
  public var message: String
  /// The place in the volume, in bytes from its start.
  public var offset: Int64?
  /// The operating system's reason (`errno`), if it failed.
  public var errno: Int32?

  /// Makes an error of that kind.
  public init(_ code: Code, _ message: String, offset: Int64? = nil, errno: Int32? = nil) {
    self.code = code
    self.message = message
    self.offset = offset
    self.errno = errno
  }

  /// Makes the error of a libgcrypt failure.
  public init(_ error: GcryptError) { self.init(.library, error.description) }

  /// Makes the error of a failed system call.
  public init(_ error: SystemError) { self.init(.system, error.description, errno: error.errno.rawValue) }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .notLUKS, .truncated, .damagedHeader: .malformed
    case .wrongKey: .key
    case .system: .system
    case .invalidArgument: .argument
    case .cipher, .nullCipher, .detachedData, .integrity, .reencryption, .requirements, .unsupported, .cost,
      .noFreeKeySlot, .keySlot, .noLibrary, .library:
      .other
    }
  }

  /// One sentence that says what is wrong, and where.
  public var description: String { message + (offset.map { " (at byte \($0) of the volume)" } ?? "") }
}

/// The bytes of a volume. They can be read at any offset, from any thread.
public protocol VolumeSource: Sendable {
  /// The number of bytes.
  var byteCount: Int64 { get }
  /// Reads at an offset until the buffer is full or the bytes end, and returns how many were read.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(LUKSError) -> Int
}

extension VolumeSource {
  /// Reads at most `count` bytes at an offset, fewer at the end. The caller limits `count`, because it is allocated.
  func read(_ count: Int, at offset: Int64) throws(LUKSError) -> [UInt8] {
    var failure: LUKSError?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
      do throws(LUKSError) {
        initialized = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch { failure = error }
    }
    if let failure { throw failure }
    return bytes
  }
}
