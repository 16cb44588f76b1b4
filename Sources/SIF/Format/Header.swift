/// The global header: the first 128 bytes of an image (spec/format.md, "Global header").
///
/// | offset | size | field |
/// |---|---|---|
/// | 0 | 32 | launch script |
/// | 32 | 10 | magic |
/// | 42 | 3 | version |
/// | 45 | 3 | primary architecture |
/// | 48 | 16 | image id |
/// | 64 | 8 | created at |
/// | 72 | 8 | modified at |
/// | 80 | 8 | descriptors free |
/// | 88 | 8 | descriptors total |
/// | 96 | 8 | descriptors offset |
/// | 104 | 8 | descriptors size |
/// | 112 | 8 | data offset |
/// | 120 | 8 | data size |
public struct Header: Hashable, Sendable {
  /// The length of a header in bytes.
  public static let byteCount = 128
  /// The length of the launch script's field in bytes; a script is shorter by its final NUL.
  public static let launchScriptByteCount = 32
  /// The bytes that begin at offset 32 of every image.
  public static let magic = Array("SIF_MAGIC\0".utf8)
  /// The only version of the format.
  public static let currentVersion = Array("01\0".utf8)
  /// Where new images have their descriptor table.
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
  /// When the image was made.
  public var createdAt: Timestamp
  /// When the image was last changed.
  public var modifiedAt: Timestamp
  /// Unused slots of the descriptor table. A counter: the slots themselves are the truth.
  public var descriptorsFree: Int64
  /// Slots in the descriptor table.
  public var descriptorsTotal: Int64
  /// Where the descriptor table begins, in bytes from the start of the file.
  public var descriptorsOffset: Int64
  /// The length of the descriptor table in bytes.
  public var descriptorsSize: Int64
  /// Where data objects begin, in bytes from the start of the file.
  public var dataOffset: Int64
  /// The length of the data in use in bytes, from ``dataOffset``. A counter: the descriptors are the truth.
  public var dataSize: Int64

  /// The header of an empty image with the default layout.
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
    descriptorsSize = capacity * Int64(Descriptor.byteCount)
    dataOffset = descriptorsOffset + descriptorsSize
    dataSize = 0
  }

  /// Whether the image is one whose edits leave no trace of the clock: no id, and no times.
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

  /// Reads what there is of a header, and says what is wrong with it.
  ///
  /// - Returns: the fields, unless the magic is not there or the header is not whole; and the problem.
  static func lenient(_ bytes: RawSpan) -> (header: Header?, problem: SIFError?) {
    guard LittleEndianReader.field(of: bytes, at: 32, count: magic.count) == magic else {
      let reason =
        bytes.byteCount < 42
        ? "it is only \(bytes.byteCount) bytes long" : "the magic \"SIF_MAGIC\" is not there"
      return (nil, SIFError(.notSIF, "not a SIF image: \(reason)", offset: min(32, Int64(bytes.byteCount))))
    }
    guard bytes.byteCount >= byteCount else {
      let message = "truncated: \(bytes.byteCount) of the 128 bytes of the global header are there"
      return (nil, SIFError(.truncated, message, offset: Int64(bytes.byteCount)))
    }
    let header = Header(fields: bytes)
    guard header.version == currentVersion else {
      let text = header.version.withoutTrailingNULs.escapedText
      let message = "format version \"\(text)\" is not known (known: 01)"
      return (header, SIFError(.unsupportedVersion, message, offset: 42))
    }
    return (header, nil)
  }

  /// The fields of a header whose magic is damaged, where the others make sense together.
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
    version = reader.field(3)
    architecture = Architecture(bytes: reader.field(3))
    id = ImageID(bytes: reader.field(16))
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
    writer.append(version, count: 3)
    writer.append(architecture.bytes, count: 3)
    writer.append(id.bytes, count: 16)
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
