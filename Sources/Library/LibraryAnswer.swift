import Bytes
public import StrictJSON

/// The answers of a container library: a JSON object with `data` or `error`, read leniently (spec/library.md, "Answers").
public enum LibraryAnswer {
  /// The most bytes of an answer.
  public static let maximumBytes = 8 << 20

  /// An answer's JSON. Unknown and repeated members do not matter.
  public static func document(_ bytes: [UInt8]) throws(LibraryError) -> JSONValue {
    do {
      return try JSONParser.parse(
        bytes, limits: JSONLimits(bytes: maximumBytes, depth: 32, keepsDuplicateKeys: true))
    } catch {
      let isPage = bytes.first { ![0x20, 0x09, 0x0A, 0x0D].contains($0) } == UInt8(ascii: "<")
      throw LibraryError(
        .answer,
        isPage ? "the answer is a web page, not JSON" : "the answer is not JSON: \(error.description)")
    }
  }

  /// What an answer carries in its member `data`; null if it has none.
  public static func data(_ bytes: [UInt8]) throws(LibraryError) -> JSONValue {
    if bytes.isEmpty { return .null }
    return try document(bytes).member("data") ?? .null
  }

  /// The sentence of an error, in either of the two forms that servers use; nil if there is none.
  public static func errorMessage(_ bytes: [UInt8]) -> String? {
    guard let document = try? document(bytes) else { return nil }
    if let text = document.member("error")?.member("message")?.text, !text.isEmpty { return text }
    if let text = document.member("error")?.text, !text.isEmpty { return text }
    guard let first = document.member("errors")?.elements?.first else { return nil }
    let parts = ["title", "detail", "message"].compactMap { first.member($0)?.text }.filter { !$0.isEmpty }
    return parts.isEmpty ? nil : parts.joined(separator: ": ")
  }
}

extension JSONValue {
  /// The value of a member by its name without regard to case, as the services' own programs read it. An exact name comes
  /// first.
  func member(_ name: String) -> JSONValue? {
    if let exact = self[name] { return exact }
    let lower = name.lowercased()
    return members?.first { $0.key.lowercased() == lower }?.value
  }

  /// The text of a member; empty if there is none.
  func text(_ name: String) -> String { member(name)?.text ?? "" }

  /// The texts of a member that is a list.
  func texts(_ name: String) -> [String] { member(name)?.elements?.compactMap(\.text) ?? [] }
}

/// An image, by the account of a library.
public struct LibraryImage: Sendable, Equatable {
  /// The id.
  public let id: String
  /// The hash: `sha256.` and 64 digits, or an older form.
  public let hash: String
  /// The length in bytes; nil if the library does not say.
  public let byteCount: Int64?
  /// Whether the library has the file, and not only its record.
  public let isUploaded: Bool
  /// The architecture, as Go calls it.
  public let architecture: String
  /// The names of the entity, the collection and the container.
  public let path: [String]
  /// The tags.
  public let tags: [String]
  /// What it is, in its owner's words.
  public let text: String
  /// The fingerprints of keys that the library says it was signed with. Nothing of it is proven.
  public let fingerprints: [String]

  /// Reads an image.
  package init(_ value: JSONValue) throws(LibraryError) {
    guard value.members != nil else { throw LibraryError(.answer, "the answer has no image") }
    id = value.text("id")
    hash = value.text("hash")
    byteCount = value.member("size")?.integer.flatMap { $0 > 0 ? $0 : nil }
    isUploaded = value.member("uploaded")?.bool ?? false
    architecture = value.text("arch")
    path = [value.text("entityName"), value.text("collectionName"), value.text("containerName")]
    tags = value.texts("tags")
    text = value.text("description")
    fingerprints = value.texts("fingerprints")
  }

  /// The 64 digits of the SHA-256 of the file; nil if the library does not say it.
  public var sha256: String? {
    guard hash.hasPrefix("sha256.") else { return nil }
    let digits = hash.dropFirst(7).lowercased()
    return digits.utf8.count == 64 && Hexadecimal.bytes(digits.utf8) != nil ? digits : nil
  }

  /// The reference of the image, with its tags or else its hash.
  public var reference: String {
    "library://\(path.filter { !$0.isEmpty }.joined(separator: "/")):\(tags.isEmpty ? hash : tags.joined(separator: ","))"
  }
}

/// The version of the service's interface, which decides what it can do.
struct LibraryVersion: Sendable, Equatable, Comparable {
  /// The numbers, and the parts of the pre-release after the hyphen.
  let numbers: [Int]
  let preRelease: [String]

  /// Uploads in the second form: to addresses that the library signs.
  static let signedUploads = LibraryVersion(numbers: [2, 0, 0], preRelease: ["alpha", "1"])
  /// Tags for each architecture.
  static let architectureTags = LibraryVersion(numbers: [2, 0, 0], preRelease: ["alpha", "2"])

  private init(numbers: [Int], preRelease: [String]) {
    self.numbers = numbers
    self.preRelease = preRelease
  }

  /// Reads a version such as `2.0.0-alpha.2`; nil for anything else.
  init?(_ text: String) {
    let text = text.hasPrefix("v") ? text.dropFirst() : text[...]
    let main = text.prefix { $0 != "-" && $0 != "+" }
    let parts = main.split(separator: ".", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { Int($0) }
    guard numbers.count == 3, parts.count == 3, numbers.allSatisfy({ $0 >= 0 }) else { return nil }
    let rest = text.dropFirst(main.count)
    self.init(
      numbers: numbers,
      preRelease: rest.hasPrefix("-")
        ? rest.dropFirst().prefix { $0 != "+" }.split(separator: ".").map(String.init) : [])
  }

  /// The order of semantic versions (semver.org, section 11).
  static func < (left: LibraryVersion, right: LibraryVersion) -> Bool {
    if left.numbers != right.numbers { return left.numbers.lexicographicallyPrecedes(right.numbers) }
    // A release comes after its pre-releases.
    if left.preRelease.isEmpty || right.preRelease.isEmpty {
      return !left.preRelease.isEmpty && right.preRelease.isEmpty
    }
    return left.preRelease.lexicographicallyPrecedes(right.preRelease) { one, other in
      switch (Int(one), Int(other)) {
      case (let one?, let other?): one < other
      case (_?, nil): true
      case (nil, _?): false
      case (nil, nil): one < other
      }
    }
  }
}
