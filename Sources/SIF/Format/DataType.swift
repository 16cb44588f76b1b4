/// The type of a data object (spec/format.md, "Data types"). Unknown values survive a round trip.
public struct DataType: RawRepresentable, Hashable, Sendable {
  /// The number in the file.
  public var rawValue: Int32

  /// The type with a number, known or not.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// A definition file: the recipe that the image was built from.
  public static let definitionFile = DataType(rawValue: 0x4001)
  /// Environment variables.
  public static let environmentVariables = DataType(rawValue: 0x4002)
  /// Labels, as a JSON object.
  public static let labels = DataType(rawValue: 0x4003)
  /// A file system or other partition.
  public static let partition = DataType(rawValue: 0x4004)
  /// A signature over other objects.
  public static let signature = DataType(rawValue: 0x4005)
  /// Any other JSON.
  public static let genericJSON = DataType(rawValue: 0x4006)
  /// Any other bytes.
  public static let generic = DataType(rawValue: 0x4007)
  /// A cryptographic message, such as a wrapped encryption key.
  public static let cryptographicMessage = DataType(rawValue: 0x4008)
  /// A software bill of materials.
  public static let sbom = DataType(rawValue: 0x4009)
  /// The root index of an OCI image.
  public static let ociRootIndex = DataType(rawValue: 0x400A)
  /// A blob of an OCI image.
  public static let ociBlob = DataType(rawValue: 0x400B)

  /// The names of the known types: ours, as JSON and options use them, and what listings print.
  private static let known: [(type: DataType, name: String, label: String)] = [
    (.definitionFile, "definition-file", "Def.FILE"),
    (.environmentVariables, "environment-variables", "Env.Vars"),
    (.labels, "labels", "JSON.Labels"),
    (.partition, "partition", "FS"),
    (.signature, "signature", "Signature"),
    (.genericJSON, "generic-json", "JSON.Generic"),
    (.generic, "generic", "Generic/Raw"),
    (.cryptographicMessage, "crypto-message", "Cryptographic Message"),
    (.sbom, "sbom", "SBOM"),
    (.ociRootIndex, "oci-root-index", "OCI.RootIndex"),
    (.ociBlob, "oci-blob", "OCI.Blob"),
  ]

  /// Every type that the format knows, in the order of its numbers.
  public static var allKnown: [DataType] { known.map(\.type) }

  /// Whether the format knows the type.
  public var isKnown: Bool { Self.known.contains { $0.type == self } }

  /// The name: `definition-file` … `oci-blob`, or `unknown-0x400C`.
  public var name: String {
    Self.known.first { $0.type == self }?.name
      ?? "unknown-0x" + String(UInt32(bitPattern: rawValue), radix: 16, uppercase: true)
  }

  /// The label in listings: `Def.FILE` … `OCI.Blob`, or `Unknown`.
  public var label: String {
    Self.known.first { $0.type == self }?.label ?? "Unknown"
  }

  /// The known type with a name, or nil.
  public init?(name: some StringProtocol) {
    guard let entry = Self.known.first(where: { $0.name == name }) else { return nil }
    self = entry.type
  }
}
