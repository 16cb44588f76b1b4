import Bytes

/// Finding objects.
extension Image {
  /// The object with an id.
  ///
  /// - Throws: ``SIFError/Code/objectNotFound``; ``SIFError/Code/multipleObjects`` in an image that gives
  ///   one id to several objects.
  public func object(id: UInt32) throws(SIFError) -> Descriptor {
    let matches = descriptors.filter { $0.id == id }
    guard let first = matches.first else {
      let reason = descriptors.isEmpty ? "the image has no objects" : "no object has the id \(id)"
      throw SIFError(.objectNotFound, reason, objectID: id)
    }
    guard matches.count == 1 else {
      throw SIFError(.multipleObjects, "\(matches.count) objects have the id \(id)", objectID: id)
    }
    return first
  }

  /// The objects of a type.
  public func objects(ofType type: DataType) -> [Descriptor] {
    descriptors.filter { $0.dataType == type }
  }

  /// The objects in a group, or those in none.
  public func objects(inGroup group: UInt32?) -> [Descriptor] {
    descriptors.filter { $0.group == group }
  }

  /// The objects that are linked to something.
  public func objects(linkedTo link: Link) -> [Descriptor] {
    descriptors.filter { $0.link == link }
  }

  /// The numbers of the groups that have objects, ascending.
  public var groups: [UInt32] {
    descriptors.compactMap(\.group).sorted().withoutRepetitions
  }

  /// The primary system partition, or nil.
  ///
  /// An image should have one at most. Where a set-primary was interrupted there may be two: then the one
  /// whose descriptor comes first counts, so that every reader sees the partition of before or of after.
  public var primarySystemPartition: Descriptor? {
    descriptors.first { $0.isPartition(.primarySystem) }
  }

  /// A second primary system partition. Two groups can each be validly signed by one signer, for two images, and be put
  /// together: which of the programs is started would be up to whoever did that.
  public var secondPrimary: SIFError? {
    let primaries = descriptors.filter { $0.isPartition(.primarySystem) }
    guard primaries.count > 1 else { return nil }
    return SIFError(
      .malformed,
      "objects \(primaries[0].id) and \(primaries[1].id) are both the primary system partition: setting the primary "
        + "again settles it",
      offset: table.position(ofSlot: primaries[1].slot)
        + Int64(Descriptor.extraFieldOffset + PartitionMetadata.typeFieldOffset),
      objectID: primaries[1].id)
  }

  /// The object of a type that speaks of the primary system partition, such as its definition file: the only one in the
  /// partition's group or, where its group has none, the only one of the image.
  ///
  /// - Returns: nil where there is none, and where there are several: groups of several images can be put together, and
  ///   the first object that is found would speak of whatever program its author likes.
  public func companion(ofType type: DataType) -> Descriptor? {
    let all = objects(ofType: type)
    let group = secondPrimary == nil ? primarySystemPartition?.group : nil
    let near = group == nil ? [] : all.filter { $0.group == group }
    let candidates = near.isEmpty ? all : near
    return candidates.count == 1 ? candidates[0] : nil
  }

  /// The architecture of the primary system partition: what the header should say. Nil without a primary
  /// partition, and where its own field holds something else, as an older reference leaves it behind.
  public var primaryArchitecture: Architecture? {
    guard case .partition(let partition)? = primarySystemPartition?.metadata,
      partition.architecture.number != nil
    else { return nil }
    return partition.architecture
  }

  /// The signatures that say they cover an object: linked to it, or to its group.
  public func signatures(covering descriptor: Descriptor) -> [Descriptor] {
    objects(ofType: .signature).filter { signature in
      switch signature.link {
      case .object(let id): id == descriptor.id
      case .group(let group): group == descriptor.group
      case nil: false
      }
    }
  }
}
