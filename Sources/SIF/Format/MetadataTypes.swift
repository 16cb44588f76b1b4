/// A number of the format with two names: our own, in JSON and options, and a label in listings.
///
/// Unknown numbers are values like any other: they survive a round trip.
public protocol NamedNumber: RawRepresentable, Hashable, Sendable where RawValue == Int32 {
  /// The known numbers with their names, in the format's order.
  static var known: [(number: Int32, name: String, label: String)] { get }
  /// The value of a number, known or not.
  init(rawValue: Int32)
}

extension NamedNumber {
  /// Every value that the format knows.
  public static var allKnown: [Self] { known.map { Self(rawValue: $0.number) } }

  /// Whether the format knows the value.
  public var isKnown: Bool { Self.known.contains { $0.number == rawValue } }

  /// The name, or `unknown-` and the number.
  public var name: String {
    Self.known.first { $0.number == rawValue }?.name ?? "unknown-\(rawValue)"
  }

  /// The label in listings, or `Unknown`.
  public var label: String {
    Self.known.first { $0.number == rawValue }?.label ?? "Unknown"
  }

  /// The known value with a name, or nil.
  public init?(name: some StringProtocol) {
    guard let entry = Self.known.first(where: { $0.name == name }) else { return nil }
    self.init(rawValue: entry.number)
  }
}

/// The file system in a partition.
public struct FileSystemType: NamedNumber {
  /// The number in the file.
  public var rawValue: Int32
  /// The value of a number, known or not.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// Squashfs, read-only.
  public static let squashfs = FileSystemType(rawValue: 1)
  /// Ext3.
  public static let ext3 = FileSystemType(rawValue: 2)
  /// An archive of immutable objects.
  public static let archive = FileSystemType(rawValue: 3)
  /// Raw data.
  public static let raw = FileSystemType(rawValue: 4)
  /// A LUKS2 volume that holds a squashfs.
  public static let encryptedSquashfs = FileSystemType(rawValue: 5)
  /// A squashfs of gocryptfs's encrypted files.
  public static let gocryptfsSquashfs = FileSystemType(rawValue: 6)

  /// The known file systems.
  public static let known: [(number: Int32, name: String, label: String)] = [
    (1, "squashfs", "Squashfs"), (2, "ext3", "Ext3"), (3, "archive", "Archive"), (4, "raw", "Raw"),
    (5, "encrypted-squashfs", "Encrypted squashfs"), (6, "gocryptfs-squashfs", "Gocryptfs squashfs"),
  ]
}

/// A partition's role in the image.
public struct PartitionType: NamedNumber {
  /// The number in the file.
  public var rawValue: Int32
  /// The value of a number, known or not.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// An operating system that is not the primary one.
  public static let system = PartitionType(rawValue: 1)
  /// The operating system that runs; at most one in an image.
  public static let primarySystem = PartitionType(rawValue: 2)
  /// Data.
  public static let data = PartitionType(rawValue: 3)
  /// A writable overlay.
  public static let overlay = PartitionType(rawValue: 4)

  /// The known partition types.
  public static let known: [(number: Int32, name: String, label: String)] = [
    (1, "system", "System"), (2, "primary-system", "*System"), (3, "data", "Data"), (4, "overlay", "Overlay"),
  ]
}

/// The hash algorithm of a signature.
public struct HashType: NamedNumber {
  /// The number in the file.
  public var rawValue: Int32
  /// The value of a number, known or not.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// SHA-256.
  public static let sha256 = HashType(rawValue: 1)
  /// SHA-384.
  public static let sha384 = HashType(rawValue: 2)
  /// SHA-512.
  public static let sha512 = HashType(rawValue: 3)
  /// BLAKE2s with 256 bits.
  public static let blake2s = HashType(rawValue: 4)
  /// BLAKE2b with 256 bits.
  public static let blake2b = HashType(rawValue: 5)

  /// The known hash types.
  public static let known: [(number: Int32, name: String, label: String)] = [
    (1, "sha256", "SHA-256"), (2, "sha384", "SHA-384"), (3, "sha512", "SHA-512"),
    (4, "blake2s-256", "BLAKE2s-256"), (5, "blake2b-256", "BLAKE2b-256"),
  ]
}

/// The format of a cryptographic message.
public struct MessageFormat: NamedNumber {
  /// The number in the file.
  public var rawValue: Int32
  /// The value of a number, known or not.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// OpenPGP.
  public static let openPGP = MessageFormat(rawValue: 1)
  /// PEM.
  public static let pem = MessageFormat(rawValue: 2)

  /// The known message formats.
  public static let known: [(number: Int32, name: String, label: String)] = [
    (1, "openpgp", "OpenPGP"), (2, "pem", "PEM"),
  ]
}

/// The purpose of a cryptographic message.
public struct MessageType: NamedNumber {
  /// The number in the file.
  public var rawValue: Int32
  /// The value of a number, known or not.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// A clear-signed OpenPGP message.
  public static let clearSignature = MessageType(rawValue: 0x100)
  /// A key that RSA-OAEP has wrapped.
  public static let rsaOAEP = MessageType(rawValue: 0x200)

  /// The known message types.
  public static let known: [(number: Int32, name: String, label: String)] = [
    (0x100, "clear-signature", "Clear Signature"), (0x200, "rsa-oaep", "RSA-OAEP"),
  ]
}

/// The format of a software bill of materials. A listing prints its name, or `unknown`.
public struct SBOMFormat: NamedNumber {
  /// The number in the file.
  public var rawValue: Int32
  /// The value of a number, known or not.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// CycloneDX as JSON.
  public static let cycloneDXJSON = SBOMFormat(rawValue: 1)
  /// CycloneDX as XML.
  public static let cycloneDXXML = SBOMFormat(rawValue: 2)
  /// GitHub's dependency snapshot, as JSON.
  public static let gitHubJSON = SBOMFormat(rawValue: 3)
  /// SPDX as JSON.
  public static let spdxJSON = SBOMFormat(rawValue: 4)
  /// SPDX as RDF.
  public static let spdxRDF = SBOMFormat(rawValue: 5)
  /// SPDX as tags and values.
  public static let spdxTagValue = SBOMFormat(rawValue: 6)
  /// SPDX as YAML.
  public static let spdxYAML = SBOMFormat(rawValue: 7)
  /// Syft's JSON.
  public static let syftJSON = SBOMFormat(rawValue: 8)

  /// The known formats of bills of materials.
  public static let known: [(number: Int32, name: String, label: String)] = [
    "cyclonedx-json", "cyclonedx-xml", "github-json", "spdx-json", "spdx-rdf", "spdx-tag-value", "spdx-yaml",
    "syft-json",
  ].enumerated().map { (Int32($0.offset) + 1, $0.element, $0.element) }

  /// The label in listings.
  public var label: String { isKnown ? name : "unknown" }
}
