import Bytes
public import StrictJSON

/// A reference to a blob: what it is, how long it is, and its digest.
public struct OCIDescriptor: Hashable, Sendable {
  /// The type of the blob.
  public var mediaType: String
  /// The digest of the blob's bytes.
  public var digest: OCIDigest
  /// The number of the blob's bytes.
  public var size: Int64
  /// Other places to get the blob from.
  public var urls: [String] = []
  /// Notes, by name.
  public var annotations: [String: String] = [:]
  /// The platform, in an index.
  public var platform: OCIPlatform?
  /// The type of the artifact, in an index.
  public var artifactType: String?
  /// The blob itself, if the document holds it.
  public var data: [UInt8]?

  /// A reference without the optional members.
  public init(mediaType: String, digest: OCIDigest, size: Int64) {
    self.mediaType = mediaType
    self.digest = digest
    self.size = size
  }

  /// A reference to bytes.
  public init(mediaType: String, of bytes: [UInt8]) throws(OCIError) {
    self.init(mediaType: mediaType, digest: try OCIDigest(of: bytes), size: Int64(bytes.count))
  }

  /// The name that a layout gives the image (`org.opencontainers.image.ref.name`).
  public var referenceName: String? { annotations["org.opencontainers.image.ref.name"] }

  /// Reads a descriptor.
  ///
  /// - Parameter place: where it stands, such as "layer 3 of the manifest", for the sentence of an error.
  public init(reading value: JSONValue, _ place: String) throws(OCIError) {
    let reader = try DocumentReader(value, place)
    mediaType = try reader.text("mediaType") ?? ""
    guard let digest = try reader.text("digest") else { throw reader.malformed("it has no digest") }
    do throws(OCIError) { self.digest = try OCIDigest(digest) } catch {
      throw reader.malformed(error.description)
    }
    guard let size = reader.value["size"]?.integer else {
      throw reader.malformed("its size is not an integer")
    }
    guard size >= 0 else { throw reader.malformed("its size is \(size)") }
    self.size = size
    urls = try reader.texts("urls")
    annotations = try reader.pairs("annotations")
    artifactType = try reader.text("artifactType")
    if let platform = reader.value["platform"], platform != .null {
      let reader = try DocumentReader(platform, "the platform of \(place)")
      self.platform = OCIPlatform(
        os: try reader.text("os") ?? "", architecture: try reader.text("architecture") ?? "",
        variant: try reader.text("variant").flatMap { $0.isEmpty ? nil : $0 })
    }
    if let text = try reader.text("data") {
      guard let data = Base64.decode(Array(text.utf8)), Int64(data.count) == size else {
        throw reader.malformed("its data are not \(size) bytes in Base64")
      }
      self.data = data
    }
  }

  /// The descriptor for a document.
  public var json: JSONValue {
    var members = [
      JSONMember("mediaType", .string(mediaType)), JSONMember("digest", .string(digest.description)),
      JSONMember("size", .integer(size)),
    ]
    if let data {
      members.append(JSONMember("data", .string(String(decoding: Base64.encode(data), as: UTF8.self))))
    }
    if !urls.isEmpty { members.append(JSONMember("urls", .array(urls.map { .string($0) }))) }
    if !annotations.isEmpty { members.append(JSONMember("annotations", .pairs(annotations))) }
    if let platform {
      var parts = [
        JSONMember("architecture", .string(platform.architecture)), JSONMember("os", .string(platform.os)),
      ]
      if let variant = platform.variant { parts.append(JSONMember("variant", .string(variant))) }
      members.append(JSONMember("platform", .object(parts)))
    }
    if let artifactType { members.append(JSONMember("artifactType", .string(artifactType))) }
    return .object(members)
  }
}

extension JSONValue {
  /// An object of strings, sorted by name.
  static func pairs(_ pairs: [String: String]) -> JSONValue {
    .object(
      pairs.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        .map { JSONMember($0.key, .string($0.value)) })
  }
}

/// Reads the members of a JSON object. `null` is the same as no member, as in Go.
struct DocumentReader {
  /// The most elements of an array that documents have, layers among them.
  static let mostElements = 4096

  let value: JSONValue
  let place: String

  init(_ value: JSONValue, _ place: String) throws(OCIError) {
    self.value = value
    self.place = place
    guard value.members != nil else { throw malformed("it is not a JSON object") }
  }

  /// A document of a kind, from its text.
  init(_ text: [UInt8], _ place: String) throws(OCIError) {
    let limits = JSONLimits(bytes: OCIIndex.longest, depth: 32)
    let value: JSONValue
    do throws(JSONError) { value = try JSONParser.parse(text, limits: limits) } catch {
      throw OCIError(.malformed, "\(place) is not a document: \(error)", causedBy: error)
    }
    try self.init(value, place)
  }

  func malformed(_ reason: String) -> OCIError { OCIError(.malformed, "\(place) is malformed: \(reason)") }

  private func member(_ key: String) -> JSONValue? {
    guard let member = value[key], member != .null else { return nil }
    return member
  }

  func text(_ key: String) throws(OCIError) -> String? {
    guard let member = member(key) else { return nil }
    guard let text = member.text else { throw malformed("\(key) is not a string") }
    return text
  }

  func elements(_ key: String) throws(OCIError) -> [JSONValue] {
    guard let member = member(key) else { return [] }
    guard let elements = member.elements else { throw malformed("\(key) is not an array") }
    guard elements.count <= Self.mostElements else {
      throw OCIError(
        .limitExceeded, "\(place) has \(elements.count) \(key); an image has at most \(Self.mostElements)")
    }
    return elements
  }

  func texts(_ key: String) throws(OCIError) -> [String] {
    var texts: [String] = []
    for element in try elements(key) {
      guard let text = element.text else { throw malformed("\(key) holds something else than strings") }
      texts.append(text)
    }
    return texts
  }

  func pairs(_ key: String) throws(OCIError) -> [String: String] {
    guard let member = member(key) else { return [:] }
    guard let members = member.members else { throw malformed("\(key) is not an object") }
    var pairs: [String: String] = [:]
    for member in members {
      guard let text = member.value.text else {
        throw malformed("the value of \"\(member.key.printable)\" in \(key) is not a string")
      }
      pairs[member.key] = text
    }
    return pairs
  }

  func descriptor(_ key: String) throws(OCIError) -> OCIDescriptor? {
    guard let member = member(key) else { return nil }
    return try OCIDescriptor(reading: member, "the \(key) of \(place)")
  }

  func descriptors(_ key: String, _ name: String) throws(OCIError) -> [OCIDescriptor] {
    var descriptors: [OCIDescriptor] = []
    for (index, element) in try elements(key).enumerated() {
      descriptors.append(try OCIDescriptor(reading: element, "\(name) \(index + 1) of \(place)"))
    }
    return descriptors
  }

  /// Checks `schemaVersion`, and that `mediaType` is one of these if there is one.
  func checkSchema(_ types: [String]) throws(OCIError) -> String? {
    let type = try text("mediaType")
    if let version = member("schemaVersion"), version.integer != 2 {
      throw OCIError(
        .unsupported,
        "\(place) is of schema \(version.integer.map { "\($0)" } ?? "?"): only schema 2 is supported")
    }
    guard type.map(types.contains) ?? true else {
      throw malformed("its media type is \((type ?? "").prefix(160).printable)")
    }
    return type
  }
}
