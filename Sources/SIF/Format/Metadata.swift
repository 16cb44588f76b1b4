import Bytes

/// The type-specific metadata of a data object: the meaning of a descriptor's extra field
/// (spec/format.md, "Extra").
public enum Metadata: Hashable, Sendable {
  /// A type without metadata, or one that this library does not know.
  case none
  /// A partition's.
  case partition(PartitionMetadata)
  /// A signature's.
  case signature(SignatureMetadata)
  /// A cryptographic message's.
  case cryptographicMessage(CryptographicMessageMetadata)
  /// A software bill of materials'.
  case sbom(SBOMFormat)
  /// The digest of an OCI root index or blob, as text: `sha256:` and 64 hexadecimal digits.
  case ociDigest([UInt8])

  /// The bytes of the extra field that hold the metadata; zeros follow.
  public var encoded: [UInt8] {
    var writer = LittleEndianWriter(capacity: 16)
    switch self {
    case .none: break
    case .partition(let partition):
      writer.append(partition.fileSystem.rawValue)
      writer.append(partition.type.rawValue)
      writer.append(partition.architecture.bytes, count: 3)
    case .signature(let signature):
      writer.append(signature.hash.rawValue)
      writer.append(signature.entity, count: SignatureMetadata.entityByteCount)
    case .cryptographicMessage(let message):
      writer.append(message.format.rawValue)
      writer.append(message.type.rawValue)
    case .sbom(let format): writer.append(format.rawValue)
    case .ociDigest(let digest): writer.append(digest, count: Descriptor.extraByteCount)
    }
    return writer.bytes.withoutTrailingNULs
  }

  /// Throws ``SIFError/Code/invalidArgument`` for a value that is longer than its field.
  func validate() throws(SIFError) {
    let (what, count, most) =
      switch self {
      case .partition(let partition): ("architecture", partition.architecture.bytes.count, 3)
      case .signature(let signature):
        ("signer's field", signature.entity.count, SignatureMetadata.entityByteCount)
      case .ociDigest(let digest): ("digest", digest.count, Descriptor.extraByteCount)
      case .none, .cryptographicMessage, .sbom: ("", 0, 0)
      }
    guard count <= most else {
      throw SIFError(.invalidArgument, "the \(what) is \(count) bytes long; \(most) is the most")
    }
  }
}

/// The metadata of a partition: its file system, its role in the image, and the architecture of its programs.
public struct PartitionMetadata: Hashable, Sendable {
  static let typeFieldOffset: Int64 = 4

  /// The file system in the partition.
  public var fileSystem: FileSystemType
  /// The partition's role in the image.
  public var type: PartitionType
  /// The architecture of the programs inside.
  public var architecture: Architecture

  /// A partition's metadata.
  public init(fileSystem: FileSystemType, type: PartitionType, architecture: Architecture) {
    self.fileSystem = fileSystem
    self.type = type
    self.architecture = architecture
  }
}

/// The metadata of a signature object: claims that only verification confirms.
public struct SignatureMetadata: Hashable, Sendable {
  static let entityByteCount = 256

  /// The hash algorithm.
  public var hash: HashType
  /// The signer's field: 256 bytes without the padding; the first 20 are a fingerprint.
  public var entity: [UInt8]

  /// A signature's metadata.
  ///
  /// - Parameter entity: the 20 bytes of the signer's primary-key fingerprint; empty for none.
  public init(hash: HashType, entity: [UInt8]) {
    self.hash = hash
    self.entity = entity
  }

  /// The fingerprint of the signer's primary key, 20 bytes, or nil if there is none (all zero).
  public var fingerprint: [UInt8]? {
    let bytes = Array((entity + repeatElement(0, count: 20)).prefix(20))
    return bytes.allSatisfy { $0 == 0 } ? nil : bytes
  }
}

/// The metadata of a cryptographic message.
public struct CryptographicMessageMetadata: Hashable, Sendable {
  /// The message's format.
  public var format: MessageFormat
  /// The message's purpose.
  public var type: MessageType

  /// A cryptographic message's metadata.
  public init(format: MessageFormat, type: MessageType) {
    self.format = format
    self.type = type
  }
}

extension Descriptor {
  /// The type-specific metadata, decoded. Unknown numbers are kept as they are.
  public var metadata: Metadata {
    var reader = LittleEndianReader(extra.span.bytes)
    switch dataType {
    case .partition:
      let fileSystem = FileSystemType(rawValue: reader.integer())
      let type = PartitionType(rawValue: reader.integer())
      let architecture = Architecture(bytes: reader.field(3))
      return .partition(PartitionMetadata(fileSystem: fileSystem, type: type, architecture: architecture))
    case .signature:
      let hash = HashType(rawValue: reader.integer())
      let entity = reader.paddedField(SignatureMetadata.entityByteCount)
      return .signature(SignatureMetadata(hash: hash, entity: entity))
    case .cryptographicMessage:
      let format = MessageFormat(rawValue: reader.integer())
      return .cryptographicMessage(
        CryptographicMessageMetadata(format: format, type: MessageType(rawValue: reader.integer())))
    case .sbom: return .sbom(SBOMFormat(rawValue: reader.integer()))
    case .ociRootIndex, .ociBlob: return .ociDigest(extra)
    default: return .none
    }
  }
}
