public import Bytes

/// Why a key server did not give what was asked for.
public struct KeyserverError: Fault {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable {
    /// A text that is not the address of a key server.
    case address = "keyserver-address"
    /// The server has no such key.
    case notFound = "no-key"
    /// The server sent keys, but not the one that was asked for.
    case otherKey = "wrong-key"
    /// Several keys have the id that was asked for.
    case severalKeys = "ambiguous-key"
    /// The answer is neither an index nor a key.
    case answer = "keyserver-answer"
    /// The server refused.
    case refused = "keyserver-refused"
    /// The server was not reached, or the connection failed.
    case transport = "network"
  }

  /// The kind of error.
  public let code: Code
  /// One sentence.
  public let description: String
  /// The fault of the connection.
  public let underlying: (any Fault)?

  init(_ code: Code, _ description: String, _ underlying: (any Fault)? = nil) {
    self.code = code
    self.description = description
    self.underlying = underlying
  }

  /// A stable word for scripts.
  public var identifier: String {
    code == .transport ? underlying?.identifier ?? code.rawValue : code.rawValue
  }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .address: .argument
    case .notFound, .otherKey, .severalKeys: .key
    case .answer, .refused: .other
    case .transport: underlying?.kind ?? .system
    }
  }
}
