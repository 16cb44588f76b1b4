import Bytes

extension RemoteFile {
  /// The text of the file, as the runtimes read it: the same bytes for the same content.
  public var text: String {
    var lines: [String] = []
    if !active.isEmpty { lines.append("Active: \(Self.scalar(active))") }
    if remotes.isEmpty {
      lines.append("Remotes: {}")
    } else {
      lines.append("Remotes:")
      for (name, remote) in remotes.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
        lines.append("  \(Self.scalar(name)):")
        lines += remote.lines.map { "    \($0)" }
      }
    }
    if !credentials.isEmpty { lines.append("Credentials:") }
    for credential in credentials { lines += Self.item(credential.lines).map { "  \($0)" } }
    return lines.map { $0 + "\n" }.joined()
  }

  /// An element of a list.
  fileprivate static func item(_ lines: [String]) -> [String] {
    lines.enumerated().map { ($0.offset == 0 ? "- " : "  ") + $0.element }
  }

  /// A text as YAML. Only what every reader takes for text stands without quotes.
  static func scalar(_ text: String) -> String {
    let isPlain =
      text.utf8.first.map(isLetter) == true && text.utf8.last != UInt8(ascii: ":")
      && text.utf8.allSatisfy { isLetter($0) || "0123456789._/:@+-".utf8.contains($0) }
      && !words.contains(text.lowercased())
    if isPlain { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case "\r": quoted += "\\r"
      case _ where !scalar.isShown: quoted += escape(scalar.value)
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// Words that YAML 1.1 takes for something else than text.
  private static let words: Set<String> = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"]

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func escape(_ value: UInt32) -> String {
    let (letter, digits) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
    let text = String(value, radix: 16, uppercase: true)
    return "\\\(letter)" + String(repeating: "0", count: digits - text.utf8.count) + text
  }
}

extension RemoteFile.Remote {
  fileprivate var lines: [String] {
    var lines = ["URI: \(RemoteFile.scalar(uri))"]
    if !token.isEmpty { lines.append("Token: \(RemoteFile.scalar(token))") }
    lines += ["System: \(isSystem)", "Exclusive: \(isExclusive)"]
    if isInsecure { lines.append("Insecure: true") }
    guard let keyservers else { return lines }
    lines.append(keyservers.isEmpty ? "Keyservers: []" : "Keyservers:")
    for server in keyservers {
      lines += RemoteFile.item([
        "URI: \(RemoteFile.scalar(server.uri))", "Skip: \(server.isSkipped)",
        "External: \(server.isExternal)",
        "Insecure: \(server.isInsecure)",
      ])
    }
    return lines
  }
}

extension RemoteFile.Credential {
  fileprivate var lines: [String] {
    var lines = ["URI: \(RemoteFile.scalar(uri))"]
    if !authorization.isEmpty { lines.append("Auth: \(RemoteFile.scalar(authorization))") }
    lines.append("Insecure: \(isInsecure)")
    return lines
  }
}
