import Bytes

/// The name of an image in a container library: `library://entity/collection/container:tag` and its shorter forms
/// (spec/library.md, "References").
public struct LibraryReference: Sendable, Hashable, CustomStringConvertible {
  /// The host with its port, if the reference names one.
  public let host: String?
  /// The names before the tag: one to three, and on a host three or more.
  public let path: [String]
  /// The tags, or one hash `sha256.…`; `latest` if the reference names none.
  public let tags: [String]

  /// Reads a reference with or without `library:`.
  ///
  /// - Throws: ``LibraryError/Code/reference``.
  public init(_ text: String) throws(LibraryError) {
    func wrong(_ why: String) -> LibraryError {
      LibraryError(.reference, "\"\(text.printable)\" is not a reference to a container library: \(why)")
    }
    var rest = text[...]
    var hasAuthority = false
    if rest.hasPrefix("library:") {
      rest = rest.dropFirst(8)
      if rest.hasPrefix("//") {
        rest = rest.dropFirst(2)
        // library:///path names no host.
        hasAuthority = !rest.hasPrefix("/")
      }
      if rest.hasPrefix("/") { rest = rest.dropFirst() }
    } else if rest.contains("://") {
      throw wrong("its scheme is not library")
    }
    guard !rest.contains(where: { "?#@".contains($0) }) else {
      throw wrong("it has a user, a query or a fragment")
    }
    var parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    // More than two slashes: the first part is a host.
    if hasAuthority, parts.count > 3 {
      let host = parts.removeFirst()
      guard Self.isHost(host) else { throw wrong("\"\(host.printable)\" is not a host") }
      self.host = host
    } else {
      host = nil
    }
    guard parts.count <= 3 || host != nil, let last = parts.popLast() else {
      throw wrong("it has more than three parts")
    }
    let colon = last.firstIndex(of: ":") ?? last.endIndex
    path = parts + [String(last[..<colon])]
    for part in path where !Self.isName(part) {
      throw wrong(
        "\"\(part.printable)\" is not a name of lower-case letters and digits, with single dots, underscores and hyphens between them"
      )
    }
    guard path.count <= 3 else { throw wrong("it has more than three parts") }
    let tagText = colon == last.endIndex ? "" : String(last[colon...].dropFirst())
    guard colon == last.endIndex || !tagText.isEmpty else { throw wrong("its tag is empty") }
    tags =
      tagText.isEmpty
      ? ["latest"] : tagText.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for tag in tags where !Self.isTag(tag) { throw wrong("\"\(tag.printable)\" is not a tag") }
  }

  /// Whether the text names an image in a library: it begins with `library:`.
  public static func isReference(_ text: String) -> Bool { text.hasPrefix("library:") }

  private static func isHost(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 255
      && text.utf8.allSatisfy { isLower($0) || isUpper($0) || ".-:[]_".utf8.contains($0) }
  }

  private static func isLower(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isUpper(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
  }

  /// `[a-z0-9]+([._-][a-z0-9]+)*`.
  private static func isName(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count <= 255, let first = bytes.first, let last = bytes.last, isLower(first), isLower(last)
    else {
      return false
    }
    return zip(bytes, bytes.dropFirst()).allSatisfy { one, next in
      isLower(one) ? isLower(next) || "._-".utf8.contains(next) : isLower(next)
    }
  }

  private static func isTag(_ text: String) -> Bool {
    guard let first = text.utf8.first, text.utf8.count <= 128 else { return false }
    return (isLower(first) || isUpper(first) || first == UInt8(ascii: "_"))
      && text.utf8.allSatisfy { isLower($0) || isUpper($0) || "._-".utf8.contains($0) }
  }

  /// The digest that the reference names, in hexadecimal digits; nil if it names tags.
  public var sha256: String? {
    guard tags.count == 1, tags[0].hasPrefix("sha256.") else { return nil }
    let digits = tags[0].dropFirst(7)
    guard digits.utf8.count == 64,
      digits.utf8.allSatisfy({ Hexadecimal.bytes([$0, 0x30]) != nil && !Self.isUpper($0) })
    else { return nil }
    return String(digits)
  }

  /// The path without a tag: `entity/collection/container`.
  public var pathText: String { path.joined(separator: "/") }

  /// The name of the file that a pull makes: `container_tag.sif`.
  public var fileName: String { "\(path[path.count - 1])_\(tags[0]).sif" }

  /// The whole reference.
  public var description: String {
    "library://\(host.map { $0 + "/" } ?? "")\(pathText):\(tags.joined(separator: ","))"
  }
}
