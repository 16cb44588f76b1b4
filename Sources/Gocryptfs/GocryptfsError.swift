public import Bytes
public import Gcrypt

/// The reason why encrypted files were not opened or made.
public struct GocryptfsError: Fault, Equatable, Sendable {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable, CaseIterable {
    /// The configuration is not what gocryptfs writes.
    case configuration = "gocryptfs-configuration"
    /// A feature that this version does not know, or does not support.
    case unsupported
    /// Deriving the key would cost more than the limit.
    case cost = "kdf-cost"
    /// The key does not open the configuration.
    case wrongKey = "wrong-key"
    /// A file was changed after it was encrypted.
    case tampered
    /// A file ends inside its header or inside a block.
    case truncated
    /// The caller gave an invalid value.
    case invalidArgument = "invalid-argument"
    /// libgcrypt failed.
    case library
    /// The operating system, or the bytes beneath, failed.
    case system
  }

  /// The kind of error.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String
  /// The place in the configuration or in the encrypted file, in bytes from its start.
  public let offset: Int64?

  /// Makes an error of that kind.
  public init(_ code: Code, _ description: String, offset: Int64? = nil) {
    self.code = code
    self.description = description
    self.offset = offset
  }

  /// Makes the error of a libgcrypt failure.
  public init(_ error: GcryptError) { self.init(.library, error.description) }

  /// Makes the error of a failure of the bytes that a file lies in.
  public init(_ fault: StorageFault) {
    if let error = fault.underlying as? GocryptfsError {
      self = error
      return
    }
    let code: Code =
      switch fault.kind {
      case .malformed: .truncated
      case .argument: .invalidArgument
      case .tampered: .tampered
      case .system: .system
      default: .library
      }
    self.init(code, fault.description, offset: fault.offset)
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .configuration, .truncated: .malformed
    case .wrongKey: .key
    case .tampered: .tampered
    case .system: .system
    case .invalidArgument: .argument
    case .unsupported, .cost, .library: .other
    }
  }
}

/// Calls libgcrypt; failures become errors of this module.
func computing<Result: ~Copyable>(
  _ call: () throws(GcryptError) -> Result
) throws(GocryptfsError) -> Result {
  do { return try call() } catch { throw GocryptfsError(error) }
}
