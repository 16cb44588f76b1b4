import Bytes

/// The name of an image in a registry: `[host[:port]/]repository[:tag][@digest]`, as docker and oras write it
/// (spec/oci.md "References").
public struct OCIReference: Hashable, Sendable, CustomStringConvertible {
  /// The host of names without one.
  public static let defaultHost = "index.docker.io"

  /// The registry's host, with its port if the name has one. `docker.io` has become ``defaultHost``.
  public let host: String
  /// The repository, such as `library/alpine`.
  public let repository: String
  /// The tag; nil if the name has none.
  public let tag: String?
  /// The digest, which counts more than the tag.
  public let digest: OCIDigest?

  /// What stands for the image in the address of a manifest: the digest, the tag, or `latest`.
  public var selector: String { digest?.description ?? tag ?? "latest" }

  /// The whole name.
  public var description: String {
    "\(host)/\(repository)" + (tag.map { ":\($0)" } ?? (digest == nil ? ":latest" : ""))
      + (digest.map { "@\($0)" } ?? "")
  }

  /// Reads a name without its scheme; `//` before it is skipped.
  ///
  /// - Throws: ``OCIError/Code/invalidReference``.
  public init(_ text: String) throws(OCIError) {
    var rest = text.utf8.starts(with: "//".utf8) ? text.dropFirst(2) : text[...]
    guard text.utf8.count <= 1024 else {
      throw OCIError(.invalidReference, "a name of \(text.utf8.count) bytes: no image has one")
    }
    func invalid(_ reason: String) -> OCIError {
      OCIError(.invalidReference, "\"\(text.printable)\" is not the name of an image: \(reason)")
    }
    if let at = rest.firstIndex(of: "@") {
      digest = try OCIDigest(String(rest[rest.index(after: at)...]))
      rest = rest[..<at]
    } else {
      digest = nil
    }
    // A colon before the last slash belongs to a port.
    let lastSlash = rest.lastIndex(of: "/") ?? rest.startIndex
    if let colon = rest[lastSlash...].lastIndex(of: ":") {
      let tag = String(rest[rest.index(after: colon)...])
      guard Self.isTag(tag) else {
        throw invalid("a tag has up to 128 letters, digits, underscores, dots and hyphens")
      }
      self.tag = tag
      rest = rest[..<colon]
    } else {
      tag = nil
    }
    var parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if parts.count > 1, let first = parts.first,
      first == "localhost" || first.utf8.contains(0x2E) || first.utf8.contains(0x3A)
    {
      guard Self.isHost(first) else { throw invalid("\"\(first.printable)\" is not a host") }
      host = first == "docker.io" ? Self.defaultHost : first
      parts.removeFirst()
    } else {
      host = Self.defaultHost
    }
    guard parts.allSatisfy({ Self.isPart($0) }) else {
      throw invalid(
        "each part of a repository has lower-case letters and digits, with single separators between")
    }
    if host == Self.defaultHost, parts.count == 1 { parts.insert("library", at: 0) }
    repository = parts.joined(separator: "/")
    guard repository.utf8.count <= 255 else { throw invalid("a repository has up to 255 bytes") }
  }

  /// A name from its parts, which are checked.
  ///
  /// - Throws: ``OCIError/Code/invalidReference``.
  public init(host: String, repository: String, tag: String? = nil, digest: OCIDigest? = nil) throws(OCIError)
  {
    try self.init("\(host)/\(repository)" + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? ""))
  }

  private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    isLowerOrDigit(byte) || (0x41...0x5A).contains(byte)
  }

  /// `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
  public static func isTag(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard (1...128).contains(bytes.count), isLetter(bytes[0]) || bytes[0] == 0x5F else { return false }
    return bytes.allSatisfy { isLetter($0) || [0x5F, 0x2E, 0x2D].contains($0) }
  }

  /// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`.
  private static func isPart(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard let first = bytes.first, let last = bytes.last, isLowerOrDigit(first), isLowerOrDigit(last) else {
      return false
    }
    let separators = bytes.split(omittingEmptySubsequences: true, whereSeparator: isLowerOrDigit)
    return separators.allSatisfy { run in
      run.elementsEqual([0x2E]) || run.elementsEqual([0x5F]) || run.elementsEqual([0x5F, 0x5F])
        || run.allSatisfy { $0 == 0x2D }
    }
  }

  /// A name or a number of a host, with an optional port; IPv6 addresses stand in brackets.
  private static func isHost(_ text: String) -> Bool {
    var bytes = Array(text.utf8)
    if bytes.first == 0x5B {
      guard let end = bytes.firstIndex(of: 0x5D), end > 1 else { return false }
      guard bytes[1..<end].allSatisfy({ $0 == 0x3A || $0 == 0x2E || isHexadecimal($0) }) else { return false }
      bytes = Array(bytes[(end + 1)...])
      guard !bytes.isEmpty else { return true }
    } else {
      let end = bytes.firstIndex(of: 0x3A) ?? bytes.endIndex
      guard end > 0, bytes[..<end].allSatisfy({ isLetter($0) || $0 == 0x2E || $0 == 0x2D }),
        isLetter(bytes[0]), isLetter(bytes[end - 1])
      else { return false }
      bytes = Array(bytes[end...])
      guard !bytes.isEmpty else { return true }
    }
    let port = String(decoding: bytes.dropFirst(), as: UTF8.self)
    return bytes[0] == 0x3A && port.utf8.count <= 5 && port.utf8.allSatisfy { (0x30...0x39).contains($0) }
      && (UInt16(port) ?? 0) > 0
  }

  private static func isHexadecimal(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte) || (0x41...0x46).contains(byte)
  }
}
