public import Bytes

/// Why a container library did not do what was asked for.
public struct LibraryError: Fault {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable {
    /// A text that is not a reference to a container library.
    case reference = "library-reference"
    /// The library does not have it.
    case notFound = "not-found"
    /// The library wants a token, or a better one.
    case notLoggedIn = "login"
    /// The answer is not what was asked for.
    case answer = "library-answer"
    /// The library refused, and says why.
    case refused = "library-refused"
    /// The bytes that arrived are not those of the image that was asked for.
    case digest = "digest-mismatch"
    /// The connection failed.
    case transport = "network"
    /// A file could not be read or written.
    case file = "system"
  }

  /// The kind of error.
  public let code: Code
  /// One sentence.
  public let description: String
  /// The fault beneath: of the connection, or of a file.
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
    case .reference: .argument
    case .notFound, .refused: .other
    case .notLoggedIn: .key
    case .answer, .digest: .malformed
    case .transport: underlying?.kind ?? .system
    case .file: .system
    }
  }
}
