/// How a client talks to servers.
public struct HTTPSettings: Sendable {
  /// A file of certificates of authorities (PEM) instead of the system's; nil for SSL_CERT_FILE, or the system's.
  public var caFile: String?
  /// A directory of such certificates, as OpenSSL names them; nil for SSL_CERT_DIR, or the system's.
  public var caDirectory: String?
  /// A file with this side's certificate (PEM), for servers that ask for one.
  public var clientCertificate: String?
  /// A file with its private key (PEM); nil if it is in the file of the certificate.
  public var clientKey: String?
  /// Whether the server's certificate is checked.
  public var checksCertificates = true
  /// Whether addresses of plain http are asked. Addresses that the caller wrote with http:// allow it for themselves.
  public var allowsPlainHTTP = false
  /// The most seconds until a connection stands.
  public var connectTimeout = 30
  /// The seconds after which a transfer is given up in which fewer than 100 bytes a second came or went.
  public var stallTimeout = 60
  /// The seconds to wait before each further try, if an error may pass.
  public var retryDelays: [Int] = [1, 2]
  /// The most seconds that a server's `Retry-After` is obeyed.
  public var longestRetryAfter = 120
  /// Over how many connections a long thing is downloaded at once.
  public var connections = 1
  /// What the program calls itself.
  public var userAgent = "swift-sif"
  /// Told about each try that failed and will be made again.
  public var notice: (@Sendable (String) -> Void)?

  /// Settings with the defaults.
  public init() {}
}
