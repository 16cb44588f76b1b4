import ArgumentParser
import CommandKit
import Transport

/// How servers are talked to.
struct ServerOptions: ParsableArguments {
  @Flag(help: "Ask registries without encryption. An address that begins with http:// needs no such option.")
  var noHttps = false
  @Option(
    help: ArgumentHelp(
      "Trust the certificates of the authorities in this file (PEM), and no others.",
      discussion: "SSL_CERT_FILE and SSL_CERT_DIR do the same as --ca-file and --ca-directory.",
      valueName: "file"))
  var caFile: PathArgument?
  @Option(
    help: ArgumentHelp(
      "Trust the certificates in this directory, named as OpenSSL names them, and no others.",
      valueName: "directory"))
  var caDirectory: DirectoryArgument?
  @Option(help: ArgumentHelp("Show this certificate (PEM) to servers that ask for one.", valueName: "file"))
  var clientCert: PathArgument?
  @Option(
    help: ArgumentHelp("The private key of --client-cert, if it is in another file.", valueName: "file"))
  var clientKey: PathArgument?
  @Flag(help: "Do not check servers' certificates: anybody on the way can read and change everything.")
  var insecure = false
  @Option(
    help: ArgumentHelp("The seconds to wait for a connection (default: 30).", valueName: "seconds"))
  var connectTimeout: UInt16?
  @Option(
    help: ArgumentHelp(
      "The seconds after which a transfer that stands still is given up (default: 60).",
      valueName: "seconds"))
  var stallTimeout: UInt16?
  @Option(
    help: ArgumentHelp(
      "How often a request is made again if that may help (default: 2).", valueName: "number"))
  var retries: UInt8?

  @Option(
    help: ArgumentHelp(
      "Download a SIF image over so many connections at once (default: 1).", valueName: "number"))
  var connections: UInt8?

  func validate() throws {
    guard (1...16).contains(connections ?? 1) else { throw ValidationError("--connections is from 1 to 16") }
    guard connectTimeout != 0 else { throw ValidationError("--connect-timeout must be at least 1") }
    guard stallTimeout != 0 else { throw ValidationError("--stall-timeout must be at least 1") }
    guard clientKey == nil || clientCert != nil else {
      throw ValidationError("--client-key needs --client-cert")
    }
  }

  /// The settings of a client.
  func settings(_ reporter: Reporter) -> HTTPSettings {
    var settings = Self.defaults(reporter)
    settings.caFile = caFile?.path.string
    settings.caDirectory = caDirectory?.path.string
    settings.clientCertificate = clientCert?.path.string
    settings.clientKey = clientKey?.path.string
    settings.checksCertificates = !insecure
    settings.allowsPlainHTTP = noHttps
    if let connectTimeout { settings.connectTimeout = Int(connectTimeout) }
    if let stallTimeout { settings.stallTimeout = Int(stallTimeout) }
    if let connections { settings.connections = Int(connections) }
    if let retries {
      settings.retryDelays = (0..<Int(retries)).map { min(1 << min($0, 6), 60) }
    }
    return settings
  }

  /// The settings of a client, with the name of this program.
  static func defaults(_ reporter: Reporter) -> HTTPSettings {
    var settings = HTTPSettings()
    settings.userAgent = "swift-sif/\(ToolVersion.number)"
    settings.notice = { reporter.note($0) }
    return settings
  }
}
