import Bytes

/// An address of the web, taken apart and checked: `https://host:port/path?query`.
public struct HTTPAddress: Hashable, Sendable, CustomStringConvertible {
  /// Whether the bytes are encrypted on their way.
  public enum Scheme: String, Sendable {
    /// Not encrypted.
    case http
    /// Encrypted, with a certificate.
    case https

    /// The port of an address that names none.
    public var defaultPort: UInt16 { self == .http ? 80 : 443 }
  }

  /// What credentials belong to: they are never sent to another one.
  public struct Origin: Hashable, Sendable, CustomStringConvertible {
    /// The scheme.
    public let scheme: Scheme
    /// The name or number of the host, in lower case; one of IPv6 has its brackets.
    public let host: String
    /// The port.
    public let port: UInt16

    /// The origin of a scheme, host and port.
    public init(scheme: Scheme, host: String, port: UInt16? = nil) {
      self.scheme = scheme
      self.host = host
      self.port = port ?? scheme.defaultPort
    }

    /// The host, with its port if that is not the usual one.
    public var authority: String { port == scheme.defaultPort ? host : "\(host):\(port)" }

    /// The beginning of all its addresses.
    public var description: String { "\(scheme.rawValue)://\(authority)" }
  }

  /// Scheme, host and port.
  public let origin: Origin
  /// The path, which begins with a slash; escapes are as they were written.
  public let path: String
  /// The text after the question mark; nil without one.
  public let query: String?

  /// The scheme.
  public var scheme: Scheme { origin.scheme }
  /// The host.
  public var host: String { origin.host }
  /// The port.
  public var port: UInt16 { origin.port }

  /// An address of a host.
  ///
  /// - Parameters:
  ///   - path: begins with a slash. What may not stand in a path is escaped; escapes that are there stay.
  ///   - query: the text after the question mark.
  public init(origin: Origin, path: String, query: String? = nil) {
    self.origin = origin
    self.path = Self.escaped(path.hasPrefix("/") ? path : "/" + path)
    self.query = query.map { Self.escaped($0) }
  }

  /// Reads an absolute address of http or https.
  ///
  /// A fragment is left out, since no server sees it.
  ///
  /// - Throws: ``TransportError/Code/address`` for any other scheme, for a user name or password in it, and for what no
  ///   host or port can be called.
  public init(_ text: String) throws(TransportError) {
    let scheme: Scheme
    let lower = text.prefix(8).lowercased()
    if lower == "https://" {
      scheme = .https
    } else if lower.hasPrefix("http://") {
      scheme = .http
    } else {
      throw Self.fault(text, "only https:// and http:// can be asked")
    }
    let rest = Substring(
      decoding: text.utf8.dropFirst(scheme.rawValue.utf8.count + 3), as: UTF8.self)
    let end = rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex
    origin = try Self.origin(scheme, rest[..<end], text)
    let tail = rest[end...].prefix { $0 != "#" }
    guard tail.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
      throw Self.fault(text, "it contains a control character")
    }
    let mark = tail.firstIndex(of: "?") ?? tail.endIndex
    path = mark == tail.startIndex ? "/" : Self.escaped(String(tail[..<mark]))
    query = mark == tail.endIndex ? nil : Self.escaped(String(tail[mark...].dropFirst()))
  }

  /// Reads a host with an optional port, as the names of registries begin.
  public static func origin(
    _ scheme: Scheme, authority: String
  ) throws(TransportError) -> Origin {
    try origin(scheme, authority[...], authority)
  }

  private static func origin(
    _ scheme: Scheme, _ authority: Substring, _ text: String
  ) throws(TransportError) -> Origin {
    guard !authority.contains("@") else {
      throw fault(text, "a user name or password does not belong into an address")
    }
    var host = authority
    var port: UInt16?
    let colon = authority.lastIndex(of: ":")
    if let colon, !authority[colon...].contains("]") {
      host = authority[..<colon]
      let digits = authority[authority.index(after: colon)...]
      guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = UInt16(digits), number > 0
      else { throw fault(text, "its port is not a number from 1 to 65535") }
      port = number
    }
    guard isHost(host) else { throw fault(text, "it names no host") }
    return Origin(scheme: scheme, host: host.lowercased(), port: port)
  }

  private static func isHost(_ host: Substring) -> Bool {
    guard !host.isEmpty, host.utf8.count <= 255 else { return false }
    if host.hasPrefix("["), host.hasSuffix("]") {
      let inner = host.dropFirst().dropLast()
      return inner.contains(":") && inner.utf8.allSatisfy { isHexadecimal($0) || $0 == 0x3A || $0 == 0x2E }
    }
    return host.first != "-" && host.first != "."
      && host.utf8.allSatisfy { isLetterOrDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) }
  }

  /// The address that a server means by `Location` or `Link`: absolute, or relative to this one (RFC 3986 section 5).
  ///
  /// - Throws: ``TransportError/Code/redirect`` if it means no address of http or https.
  public func resolving(_ reference: String) throws(TransportError) -> HTTPAddress {
    let reference = String(reference.prefix { $0 != "#" })
    do throws(TransportError) {
      if reference.hasPrefix("//") { return try HTTPAddress("\(scheme.rawValue):\(reference)") }
      if Self.hasScheme(reference) { return try HTTPAddress(reference) }
      if reference.isEmpty { return self }
      if reference.hasPrefix("?") { return try HTTPAddress("\(origin)\(path)\(reference)") }
      let mark = reference.firstIndex(of: "?") ?? reference.endIndex
      let named = reference[..<mark]
      let parent = path[...(path.lastIndex(of: "/") ?? path.startIndex)]
      let whole = named.hasPrefix("/") ? String(named) : String(parent) + String(named)
      return try HTTPAddress("\(origin)\(Self.withoutDots(whole))\(reference[mark...])")
    } catch {
      throw TransportError(.redirect, "\(origin) refers to an address that is not one: \(error.description)")
    }
  }

  private static func hasScheme(_ text: String) -> Bool {
    guard let colon = text.firstIndex(of: ":") else { return false }
    return text[..<colon].utf8.allSatisfy { isLetterOrDigit($0) || [0x2B, 0x2D, 0x2E].contains($0) }
  }

  /// A path without the parts `.` and `..` (RFC 3986 section 5.2.4).
  private static func withoutDots(_ path: String) -> String {
    var parts: [Substring] = []
    let all = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst()
    for (index, part) in all.enumerated() {
      let isLast = index == all.count - 1
      switch part {
      case ".": if isLast { parts.append("") }
      case "..":
        _ = parts.popLast()
        if isLast { parts.append("") }
      default: parts.append(part)
      }
    }
    return "/" + parts.joined(separator: "/")
  }

  /// The address of something below this one: the path continues after a slash, and the query is left out.
  public func appending(_ path: String) -> HTTPAddress {
    let base = self.path.hasSuffix("/") ? String(self.path.dropLast()) : self.path
    return HTTPAddress(origin: origin, path: base + (path.hasPrefix("/") ? path : "/" + path))
  }

  /// The address with more parameters in its query. Names and values are escaped.
  public func adding(_ parameters: [(name: String, value: String)]) -> HTTPAddress {
    let added = parameters.map { "\(Self.parameter($0.name))=\(Self.parameter($0.value))" }
    let all = (query.map { $0.isEmpty ? [] : [$0] } ?? []) + added
    return HTTPAddress(origin: origin, path: path, query: all.isEmpty ? nil : all.joined(separator: "&"))
  }

  /// A name or value as it stands in a query or in a form.
  public static func parameter(_ text: String) -> String {
    escaped(text) { isLetterOrDigit($0) || [0x2D, 0x2E, 0x5F, 0x7E].contains($0) }
  }

  /// Text with escapes for what may not stand in an address at all.
  private static func escaped(_ text: String) -> String {
    escaped(text) {
      (0x21...0x7E).contains($0)
        && ![0x22, 0x23, 0x3C, 0x3E, 0x5C, 0x5E, 0x60, 0x7B, 0x7C, 0x7D].contains($0)
    }
  }

  private static func escaped(_ text: String, _ stays: (UInt8) -> Bool) -> String {
    if text.utf8.allSatisfy(stays) { return text }
    let digits = Array("0123456789ABCDEF".utf8)
    var result: [UInt8] = []
    for byte in text.utf8 {
      if stays(byte) {
        result.append(byte)
      } else {
        result += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      }
    }
    return String(decoding: result, as: UTF8.self)
  }

  static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
  }

  private static func fault(_ text: String, _ reason: String) -> TransportError {
    // What follows a question mark may be a secret.
    let shown = text.prefix { $0 != "?" }.prefix(200)
    return TransportError(
      .address, "\"\(String(shown).printable)\" is not an address that can be asked: \(reason)")
  }

  /// The whole address, as servers get it.
  public var text: String { "\(origin)\(path)\(query.map { "?\($0)" } ?? "")" }

  /// The address for people: without the values of the query, which may be secrets.
  public var description: String { "\(origin)\(path)\(query == nil ? "" : "?…")" }
}
