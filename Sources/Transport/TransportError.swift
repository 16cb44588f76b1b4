public import Bytes

/// The reason why a request failed.
public struct TransportError: Fault, Equatable {
  /// The kind of failure; the raw value is stable.
  public enum Code: String, Sendable, CaseIterable {
    /// The text is not an address that can be asked.
    case address = "bad-address"
    /// The address is one of plain http, which nobody allowed.
    case plainHTTP = "plain-http"
    /// libcurl is not installed, or too old.
    case noLibrary = "no-libcurl"
    /// The host's name has no address.
    case unknownHost = "unknown-host"
    /// Nobody answers at the address.
    case connect
    /// The proxy refused or failed.
    case proxy
    /// The certificate is not trusted, or encryption failed.
    case tls
    /// The server did not answer, or stopped sending.
    case timeout
    /// The connection broke.
    case broken
    /// The server sent the request elsewhere too often, or where it may not go.
    case redirect
    /// The server refused: the request needs credentials, or has wrong ones.
    case unauthorized
    /// The server does not have it.
    case notFound = "not-found"
    /// Too many requests.
    case rateLimit = "rate-limit"
    /// Any other status that is not a success.
    case status = "http-status"
    /// The answer is longer than it may be.
    case tooLarge = "too-large"
    /// The server answered with other bytes than those asked for.
    case range
    /// The answer is not what was asked for.
    case answer = "bad-answer"
    /// What had to be read to be sent, or a file of certificates, could not be read.
    case source
  }

  /// The kind of failure.
  public let code: Code
  /// One sentence, without a final stop, that names the step, the host and, if there is one, the proxy.
  public let description: String
  /// The status that the server answered with.
  public let status: Int?

  /// An error of a kind.
  public init(_ code: Code, _ description: String, status: Int? = nil) {
    self.code = code
    self.description = description
    self.status = status
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause: the network is a part of the system.
  public var kind: FaultKind {
    switch code {
    case .address, .plainHTTP: .argument
    case .tooLarge, .range, .answer: .malformed
    case .notFound: .other
    case .noLibrary, .unknownHost, .connect, .proxy, .tls, .timeout, .broken, .redirect, .unauthorized,
      .rateLimit, .status, .source:
      .system
    }
  }

  /// Whether the same request may succeed if it is made again at once.
  var isPassing: Bool { code == .broken }
}
