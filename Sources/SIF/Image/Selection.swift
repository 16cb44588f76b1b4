import Bytes

/// Queries for objects.
extension Image {
  /// The object with an id.
  ///
  /// - Throws: ``SIFError/Code/objectNotFound``; ``SIFError/Code/multipleObjects`` if several objects have
  ///   the id.
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

  /// The objects in a group, or, for nil, those without one.
  public func objects(inGroup group: UInt32?) -> [Descriptor] {
    descriptors.filter { $0.group == group }
  }

  /// The objects that have this link.
  public func objects(linkedTo link: Link) -> [Descriptor] {
    descriptors.filter { $0.link == link }
  }

  /// The numbers of the groups that have objects, ascending.
  public var groups: [UInt32] {
    descriptors.compactMap(\.group).sorted().withoutRepetitions
  }

  /// The primary system partition, or nil.
  ///
  /// An image should have at most one. An interrupted set-primary may leave two: then the one in the first
  /// slot counts, so that every reader sees either the old choice or the new one.
  public var primarySystemPartition: Descriptor? {
    descriptors.first { $0.isPartition(.primarySystem) }
  }

  /// The error for a second primary system partition. Two groups can each be validly signed, for two images,
  /// and then be put together: whoever combined them would choose which program starts.
  public var secondPrimary: SIFError? {
    let primaries = descriptors.filter { $0.isPartition(.primarySystem) }
    guard primaries.count > 1 else { return nil }
    return SIFError(
      .malformed,
      "objects \(primaries[0].id) and \(primaries[1].id) are both the primary system partition: setting the primary "
        + "partition again leaves one",
      offset: table.position(of: Descriptor.Fields.extra, inSlot: primaries[1].slot)
        + PartitionMetadata.typeFieldOffset,
      objectID: primaries[1].id)
  }

  /// The object of a type that describes the primary system partition, such as its definition file: the only
  /// one in the partition's group or, if its group has none, the only one of the image.
  ///
  /// - Returns: nil if there is none or more than one: groups of several images can be put together, and then
  ///   the first object found could describe any program its author likes.
  public func companion(ofType type: DataType, named name: String? = nil) -> Descriptor? {
    let all = objects(ofType: type).filter { object in name.map { object.name.elementsEqual($0.utf8) } ?? true
    }
    let group = secondPrimary == nil ? primarySystemPartition?.group : nil
    let near = group == nil ? [] : all.filter { $0.group == group }
    let candidates = near.isEmpty ? all : near
    return candidates.count == 1 ? candidates[0] : nil
  }

  /// The architecture of the primary system partition, which the header should have too. Nil without a
  /// primary partition, and if its own field holds something else, as older references leave it.
  public var primaryArchitecture: Architecture? {
    guard case .partition(let partition)? = primarySystemPartition?.metadata,
      partition.architecture.number != nil
    else { return nil }
    return partition.architecture
  }

  /// The signatures that claim to cover an object: those linked to it or to its group.
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
