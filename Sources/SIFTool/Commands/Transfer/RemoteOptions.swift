import ArgumentParser
import CommandKit
import Gcrypt
import Glibc
import LinuxSystem
import Remotes
import SystemPackage
import Transport

/// Whose certificates are believed.
struct AuthorityOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Trust the certificates of the authorities in this file (PEM), and no others.",
      discussion: "SSL_CERT_FILE does the same.", valueName: "file"))
  var caFile: PathArgument?

  /// The settings of a client.
  func settings(_ reporter: Reporter) -> HTTPSettings {
    var settings = HTTPSettings()
    settings.caFile = caFile?.path.string
    settings.connectTimeout = 10
    settings.stallTimeout = 20
    settings.retryDelays = [1]
    settings.userAgent = "swift-sif/\(ToolVersion.number)"
    settings.notice = { reporter.note($0) }
    return settings
  }
}

/// Where a token comes from: never from the command line, which others can read.
struct TokenOption: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Read the token from this file, or from standard input (-), instead of asking on the terminal.",
      valueName: "file"))
  var tokenfile: PathArgument?

  /// The token; nil if there is neither a file nor a terminal.
  func read(_ question: String) throws -> String? {
    guard
      let bytes = try tokenfile.map({ try SecretInput.readPassphrase($0.path) })
        ?? SecretInput.prompt(question)
    else { return nil }
    let token = bytes.trimmedText
    guard !token.isEmpty, token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
      throw ToolFailure(
        .key, code: "login",
        token.isEmpty ? "the token is empty" : "the token has characters that no token has")
    }
    return token
  }
}

extension SecureBytes {
  /// The bytes as text without white space at its ends.
  var trimmedText: String {
    var text = text[...]
    while let last = text.last, last.isWhitespace { text.removeLast() }
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    return String(text)
  }
}

/// A remote's name as an argument that may be left out.
struct RemoteNameArgument: ParsableArguments {
  @Argument(help: ArgumentHelp("The name of the remote (default: the one in use).", valueName: "name"))
  var name: String?
}

/// Which of the two files is changed.
struct RemotePlaceOption: ParsableArguments {
  @Flag(name: [.customShort("g"), .long], help: "Change the file of all users, as root.") var global = false

  var place: RemoteStore.Place { global ? .system : .user }
}

extension RemoteStore {
  /// The settings, with a warning if others can read the tokens.
  func settings(_ reporter: Reporter) throws -> RemoteSettings {
    if isSharedWithOthers { reporter.warn("others can read the tokens in \(userFile.string); chmod 600 it") }
    return try settings()
  }
}
