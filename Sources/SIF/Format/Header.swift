import Bytes

/// The global header: the first 128 bytes of an image (spec/format.md, "Global header").
public struct Header: Hashable, Sendable {
  /// The length of a header in bytes.
  public static let byteCount = 128

  /// The fields, in the order of the file; code uses them instead of bare offsets.
  package enum Fields {
    package static let launchScript = StructureField("launch script", 32)
    package static let magic = StructureField(after: launchScript, "magic", 10)
    package static let version = StructureField(after: magic, "version", 3)
    package static let architecture = StructureField(after: version, "architecture", 3)
    package static let id = StructureField(after: architecture, "image id", 16)
    package static let createdAt = StructureField(after: id, "created at", 8)
    package static let modifiedAt = StructureField(after: createdAt, "modified at", 8)
    package static let descriptorsFree = StructureField(after: modifiedAt, "descriptors free", 8)
    package static let descriptorsTotal = StructureField(after: descriptorsFree, "descriptors total", 8)
    package static let descriptorsOffset = StructureField(after: descriptorsTotal, "descriptors offset", 8)
    package static let descriptorsSize = StructureField(after: descriptorsOffset, "descriptors size", 8)
    package static let dataOffset = StructureField(after: descriptorsSize, "data offset", 8)
    package static let dataSize = StructureField(after: dataOffset, "data size", 8)
    /// All of them.
    package static let all = [
      launchScript, magic, version, architecture, id, createdAt, modifiedAt, descriptorsFree,
      descriptorsTotal, descriptorsOffset, descriptorsSize, dataOffset, dataSize,
    ]
  }

  /// The length of the launch script's field in bytes; a script is at least one byte shorter, for its final
  /// NUL.
  public static let launchScriptByteCount = Int(Fields.launchScript.byteCount)
  /// The magic of every image.
  public static let magic = Array("SIF_MAGIC\0".utf8)
  /// The only version of the format.
  public static let currentVersion = Array("01\0".utf8)
  /// The offset of the descriptor table in new images.
  public static let defaultDescriptorsOffset: Int64 = 4096
  /// The number of slots in the descriptor table of a new image.
  public static let defaultCapacity: Int64 = 48

  /// The launch script, without the NULs that pad it.
  public var launchScript: [UInt8]
  /// The three bytes of the format's version.
  public var version: [UInt8]
  /// The architecture of the primary system partition, or ``Architecture/unknown``.
  public var architecture: Architecture
  /// The 16 bytes of the image's id, in textual order; all zero for none.
  public var id: ImageID
  /// The time at which the image was made.
  public var createdAt: Timestamp
  /// The time of the last change.
  public var modifiedAt: Timestamp
  /// The number of unused slots. A copy for convenience: the slots themselves decide.
  public var descriptorsFree: Int64
  /// The number of slots in the descriptor table.
  public var descriptorsTotal: Int64
  /// The offset of the descriptor table, in bytes from the start of the file.
  public var descriptorsOffset: Int64
  /// The length of the descriptor table in bytes.
  public var descriptorsSize: Int64
  /// The offset at which data objects begin, in bytes from the start of the file.
  public var dataOffset: Int64
  /// The length of the data in use in bytes, from ``dataOffset``. A copy for convenience: the descriptors
  /// decide.
  public var dataSize: Int64

  /// The header of an empty image with the default layout. ``Image/create(_:in:)`` refuses a capacity that no image can
  /// have.
  public init(
    launchScript: [UInt8] = [], id: ImageID, createdAt: Timestamp, capacity: Int64 = defaultCapacity
  ) {
    self.launchScript = launchScript
    version = Self.currentVersion
    architecture = .unknown
    self.id = id
    self.createdAt = createdAt
    modifiedAt = createdAt
    descriptorsFree = capacity
    descriptorsTotal = capacity
    descriptorsOffset = Self.defaultDescriptorsOffset
    descriptorsSize = capacity &* Int64(Descriptor.byteCount)
    dataOffset = descriptorsOffset &+ descriptorsSize
    dataSize = 0
  }

  /// Whether the image is deterministic: it has no id and no times, and edits put no times into it.
  public var isDeterministic: Bool {
    id == .none && createdAt == .none && modifiedAt == .none
  }

  /// Reads a header.
  ///
  /// - Parameter bytes: the first ``byteCount`` bytes of an image.
  /// - Throws: ``SIFError/Code/truncated``, ``SIFError/Code/notSIF`` or
  ///   ``SIFError/Code/unsupportedVersion``. Every other value is accepted as it is.
  public init(decoding bytes: RawSpan) throws(SIFError) {
    let (header, problem) = Self.lenient(bytes)
    if let problem { throw problem }
    guard let header else { throw SIFError(.notSIF, "not a SIF image") }
    self = header
  }

  /// Reads as much of a header as there is, and says what is wrong with it.
  ///
  /// - Returns: the fields, unless the magic is missing or the header is truncated; and the problem.
  static func lenient(_ bytes: RawSpan) -> (header: Header?, problem: SIFError?) {
    var reader = LittleEndianReader(bytes, at: Int(Fields.magic.offset))
    guard reader.field(magic.count) == magic else {
      var whole = LittleEndianReader(bytes)
      let foreign = ForeignFile(beginning: whole.field(min(bytes.byteCount, byteCount)))
      let reason =
        if let foreign {
          "it is \(foreign.imageDescription)"
        } else if bytes.byteCount < Fields.magic.end {
          "it is only \(bytes.byteCount) bytes long"
        } else {
          "the magic \"SIF_MAGIC\" is missing"
        }
      let offset = min(Fields.magic.offset, Int64(bytes.byteCount))
      return (nil, SIFError(.notSIF, "not a SIF image: \(reason)", offset: offset))
    }
    guard bytes.byteCount >= byteCount else {
      let message = "truncated: \(bytes.byteCount) of the 128 bytes of the global header are present"
      return (nil, SIFError(.truncated, message, offset: Int64(bytes.byteCount)))
    }
    let header = Header(fields: bytes)
    guard header.version == currentVersion else {
      let text = header.version.withoutTrailingNULs.escapedText
      let message = "format version \"\(text)\" is not known (known: 01)"
      return (header, SIFError(.unsupportedVersion, message, offset: Fields.version.offset))
    }
    return (header, nil)
  }

  /// The fields of a header whose magic is damaged, if the other fields make sense together.
  static func withoutMagic(_ bytes: RawSpan) -> Header? {
    guard bytes.byteCount >= byteCount else { return nil }
    let header = Header(fields: bytes)
    let (size, overflow) = header.descriptorsTotal.multipliedReportingOverflow(
      by: Int64(Descriptor.byteCount))
    guard !overflow, (1...Int64(Image.maximumObjects)).contains(header.descriptorsTotal),
      header.descriptorsSize == size, header.descriptorsOffset >= Int64(byteCount),
      (0...header.descriptorsTotal).contains(header.descriptorsFree), header.dataOffset >= size,
      header.dataSize >= 0
    else { return nil }
    return header
  }

  private init(fields bytes: RawSpan) {
    var reader = LittleEndianReader(bytes)
    launchScript = reader.paddedField(Self.launchScriptByteCount)
    _ = reader.field(Self.magic.count)
    version = reader.field(Int(Fields.version.byteCount))
    architecture = Architecture(bytes: reader.field(Int(Fields.architecture.byteCount)))
    id = ImageID(bytes: reader.field(Int(Fields.id.byteCount)))
    createdAt = Timestamp(seconds: reader.integer())
    modifiedAt = Timestamp(seconds: reader.integer())
    descriptorsFree = reader.integer()
    descriptorsTotal = reader.integer()
    descriptorsOffset = reader.integer()
    descriptorsSize = reader.integer()
    dataOffset = reader.integer()
    dataSize = reader.integer()
  }

  /// The header's 128 bytes.
  public func encoded() -> [UInt8] {
    var writer = LittleEndianWriter(capacity: Self.byteCount)
    writer.append(launchScript, count: Self.launchScriptByteCount)
    writer.append(Self.magic, count: Self.magic.count)
    writer.append(version, count: Int(Fields.version.byteCount))
    writer.append(architecture.bytes, count: Int(Fields.architecture.byteCount))
    writer.append(id.bytes, count: Int(Fields.id.byteCount))
    writer.append(createdAt.seconds)
    writer.append(modifiedAt.seconds)
    writer.append(descriptorsFree)
    writer.append(descriptorsTotal)
    writer.append(descriptorsOffset)
    writer.append(descriptorsSize)
    writer.append(dataOffset)
    writer.append(dataSize)
    return writer.bytes
  }
}

extension ForeignFile {
  /// What the file is, and what helps if it was to be an image.
  fileprivate var imageDescription: String {
    switch self {
    case .singularity2: "\(description); \"singularity build new.sif old.img\" makes a SIF image of it"
    case .gzip, .zstd, .xz: "\(description): decompress it first"
    default: description
    }
  }
}
