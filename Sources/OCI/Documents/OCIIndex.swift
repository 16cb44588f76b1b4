import StrictJSON

/// A list of images, or of further lists: an image for several platforms, or everything in a layout.
public struct OCIIndex: Sendable {
  /// The most bytes of an index, of a manifest or of a configuration.
  public static let longest = 16 << 20

  /// The type that the document states.
  public var mediaType: String?
  /// The images and indexes.
  public var manifests: [OCIDescriptor]
  /// The type of the artifact that it makes up.
  public var artifactType: String?
  /// What it belongs to.
  public var subject: OCIDescriptor?
  /// Notes, by name.
  public var annotations: [String: String] = [:]

  /// An index of OCI.
  public init(_ manifests: [OCIDescriptor]) {
    mediaType = OCIMediaType.index
    self.manifests = manifests
  }

  /// Reads an index of OCI or of Docker. Unknown members are ignored.
  ///
  /// - Throws: ``OCIError/Code/malformed``, ``OCIError/Code/limitExceeded`` or ``OCIError/Code/unsupported``.
  public init(reading text: [UInt8]) throws(OCIError) {
    let reader = try DocumentReader(text, "the index")
    mediaType = try reader.checkSchema([OCIMediaType.index, OCIMediaType.dockerIndex])
    guard reader.value["manifests"] != nil else { throw reader.malformed("it has no manifests") }
    manifests = try reader.descriptors("manifests", "entry")
    artifactType = try reader.text("artifactType")
    subject = try reader.descriptor("subject")
    annotations = try reader.pairs("annotations")
  }

  /// The document.
  public var bytes: [UInt8] {
    var members = [JSONMember("schemaVersion", 2)]
    if let mediaType { members.append(JSONMember("mediaType", .string(mediaType))) }
    if let artifactType { members.append(JSONMember("artifactType", .string(artifactType))) }
    members.append(JSONMember("manifests", .array(manifests.map(\.json))))
    if let subject { members.append(JSONMember("subject", subject.json)) }
    if !annotations.isEmpty { members.append(JSONMember("annotations", .pairs(annotations))) }
    return JSONWriter.compact(.object(members))
  }
}

/// An image: its configuration and its layers, the lowest first.
public struct OCIManifest: Sendable {
  /// The type that the document states.
  public var mediaType: String?
  /// The configuration.
  public var config: OCIDescriptor
  /// The layers, the lowest first; the files of an artifact.
  public var layers: [OCIDescriptor]
  /// The type of the artifact, if it is one.
  public var artifactType: String?
  /// What it belongs to.
  public var subject: OCIDescriptor?
  /// Notes, by name.
  public var annotations: [String: String] = [:]

  /// A manifest of OCI.
  public init(config: OCIDescriptor, layers: [OCIDescriptor]) {
    mediaType = OCIMediaType.manifest
    self.config = config
    self.layers = layers
  }

  /// Reads a manifest of OCI or of Docker. Unknown members are ignored.
  ///
  /// - Throws: ``OCIError/Code/malformed``, ``OCIError/Code/limitExceeded`` or ``OCIError/Code/unsupported``.
  public init(reading text: [UInt8]) throws(OCIError) {
    let reader = try DocumentReader(text, "the manifest")
    mediaType = try reader.checkSchema([OCIMediaType.manifest, OCIMediaType.dockerManifest])
    guard let config = try reader.descriptor("config") else { throw reader.malformed("it has no config") }
    self.config = config
    layers = try reader.descriptors("layers", "layer")
    artifactType = try reader.text("artifactType")
    subject = try reader.descriptor("subject")
    annotations = try reader.pairs("annotations")
    var total: Int64 = config.size
    for layer in layers {
      let (sum, overflow) = total.addingReportingOverflow(layer.size)
      guard !overflow else {
        throw OCIError(.limitExceeded, "the layers of the manifest are too long in all")
      }
      total = sum
    }
  }

  /// The number of bytes of all layers, as the manifest states them.
  public var layerBytes: Int64 { layers.reduce(0) { $0 &+ $1.size } }

  /// The document.
  public var bytes: [UInt8] {
    var members = [JSONMember("schemaVersion", 2)]
    if let mediaType { members.append(JSONMember("mediaType", .string(mediaType))) }
    if let artifactType { members.append(JSONMember("artifactType", .string(artifactType))) }
    members.append(JSONMember("config", config.json))
    members.append(JSONMember("layers", .array(layers.map(\.json))))
    if let subject { members.append(JSONMember("subject", subject.json)) }
    if !annotations.isEmpty { members.append(JSONMember("annotations", .pairs(annotations))) }
    return JSONWriter.compact(.object(members))
  }
}
