/// A data object to be added, without its bytes.
public struct NewObject: Hashable, Sendable {
  /// The type.
  public var dataType: DataType
  /// The type-specific metadata. OCI objects get their digest from their bytes; leave it ``Metadata/none``.
  public var metadata: Metadata
  /// The group, at most ``Descriptor/largestNumber``, or nil for none; group 1 by default.
  public var group: UInt32?
  /// The object or group that the object is linked to, at most ``Descriptor/largestNumber``.
  public var link: Link?
  /// The name, at most 128 bytes.
  public var name: [UInt8]
  /// The alignment of the first byte in the file; 0 for none. Nil stands for the type's default: 4096 for
  /// partitions, none for others.
  public var alignment: Int64?

  /// An object of a type; the defaults are those of the reference library.
  public init(
    _ dataType: DataType, metadata: Metadata = .none, group: UInt32? = 1, link: Link? = nil,
    name: [UInt8] = [], alignment: Int64? = nil
  ) {
    self.dataType = dataType
    self.metadata = metadata
    self.group = group
    self.link = link
    self.name = name
    self.alignment = alignment
  }

  /// An object of a type with a name as text.
  public init(
    _ dataType: DataType, metadata: Metadata = .none, group: UInt32? = 1, link: Link? = nil, name: String,
    alignment: Int64? = nil
  ) {
    self.init(
      dataType, metadata: metadata, group: group, link: link, name: Array(name.utf8), alignment: alignment)
  }

  /// The alignment of partitions in bytes.
  static let partitionAlignment: Int64 = 4096

  /// Whether the object is a primary system partition.
  var isPrimarySystem: Bool {
    if case .partition(let partition) = metadata { partition.type == .primarySystem } else { false }
  }

  /// Throws ``SIFError/Code/invalidArgument`` for a value that does not fit the format.
  package func validate() throws(SIFError) {
    guard name.count <= Descriptor.nameByteCount else {
      throw SIFError(.invalidArgument, "the name is \(name.count) bytes long; 128 is the most")
    }
    guard name.last != 0 else { throw SIFError(.invalidArgument, "the name ends with a NUL byte") }
    if let group, !Descriptor.numbers.contains(group) {
      throw SIFError(
        .invalidArgument, "\(group) is not a group number: they go from 1 to \(Descriptor.largestNumber)")
    }
    switch link {
    case .object(let number), .group(let number):
      guard Descriptor.numbers.contains(number) else {
        throw SIFError(
          .invalidArgument,
          "\(number) is not a valid id to link to: they go from 1 to \(Descriptor.largestNumber)")
      }
    case nil: break
    }
    try metadata.validate()
    if let alignment, alignment < 0 {
      throw SIFError(.invalidArgument, "the alignment is negative (\(alignment))")
    }
    let fits =
      switch metadata {
      case .none: true
      case .partition: dataType == .partition
      case .signature: dataType == .signature
      case .cryptographicMessage: dataType == .cryptographicMessage
      case .sbom: dataType == .sbom
      case .ociDigest: dataType == .ociRootIndex || dataType == .ociBlob
      }
    guard fits else {
      throw SIFError(.invalidArgument, "the metadata does not belong to the type \(dataType.name)")
    }
  }

  /// The first aligned offset at or after `end` (spec/format.md, "Where a new object goes").
  ///
  /// The mask is the reference's, and right for powers of two only; for other alignments the result is the
  /// reference's too.
  func placement(behind end: Int64) throws(SIFError) -> Int64 {
    let alignment = alignment ?? (dataType == .partition ? Self.partitionAlignment : 0)
    guard alignment > 0, end % alignment != 0 else { return end }
    let (placed, overflow) = (end & ~(alignment - 1)).addingReportingOverflow(alignment)
    guard !overflow else {
      throw SIFError(.invalidArgument, "no offset in a file satisfies an alignment of \(alignment)")
    }
    return placed
  }
}
