import Gcrypt

/// What to sign, or to verify.
public struct IntegritySelection: Hashable, Sendable {
  /// Whole groups, by their numbers.
  public var groups: [UInt32]
  /// Single objects, by their ids.
  public var objects: [UInt32]

  /// A selection; an empty one means every group of the image.
  public init(groups: [UInt32] = [], objects: [UInt32] = []) {
    self.groups = groups
    self.objects = objects
  }
}

/// One signature's worth of objects: those of one group, or some of them.
struct SignedGroup {
  let group: UInt32
  /// The objects, ascending by id.
  let objects: [Descriptor]
  /// Whether these are all objects of the group.
  let isWhole: Bool
  /// The smallest id in the group, which ids in metadata are counted from.
  let smallestID: UInt32
}

extension Image {
  /// The groups of a selection: whole ones as they were asked for, then those of single objects, ascending.
  ///
  /// - Throws: ``IntegrityError/selection(_:)`` for a group without objects, an object in no group, and an image
  ///   that has no groups; ``SIFError/Code/multipleObjects`` for an image in which two objects have one id.
  func signedGroups(_ selection: IntegritySelection) throws(IntegrityError) -> [SignedGroup] {
    if let error = duplicateID { throw .image(error) }
    var groups = selection.groups
    if groups.isEmpty && selection.objects.isEmpty {
      groups = self.groups
      guard !groups.isEmpty else { throw .selection("the image has no object group") }
    }
    var result: [SignedGroup] = []
    var seen: Set<UInt32> = []
    for group in groups where seen.insert(group).inserted {
      result.append(try signedGroup(group, nil))
    }
    var chosen: [UInt32: Set<UInt32>] = [:]
    for id in selection.objects {
      let object = try reading { () throws(SIFError) in try self.object(id: id) }
      guard let group = object.group else { throw .selection("object \(id) is in no group") }
      chosen[group, default: []].insert(id)
    }
    for (group, ids) in chosen.sorted(by: { $0.key < $1.key }) { result.append(try signedGroup(group, ids)) }
    return result
  }

  /// Signatures speak of objects by their ids: with two of one id nobody knows which is meant.
  private var duplicateID: SIFError? {
    var ids: Set<UInt32> = []
    guard let object = descriptors.first(where: { !ids.insert($0.id).inserted }) else { return nil }
    return SIFError(.multipleObjects, "several objects have the id \(object.id)", objectID: object.id)
  }

  /// Why no verdict can be given on what the image says: an object is not wholly there, or two have one id. Nil
  /// where nothing of that kind is wrong.
  var firstFault: SIFError? {
    for descriptor in descriptors {
      do throws(SIFError) { _ = try bytes(of: descriptor) } catch { return error }
    }
    return duplicateID
  }

  private func signedGroup(_ group: UInt32, _ ids: Set<UInt32>?) throws(IntegrityError) -> SignedGroup {
    let all = objects(inGroup: group).sorted { $0.id < $1.id }
    guard group != 0, let first = all.first else { throw .selection("no object is in group \(group)") }
    let chosen = ids.map { ids in all.filter { ids.contains($0.id) } } ?? all
    return SignedGroup(group: group, objects: chosen, isWhole: ids == nil, smallestID: first.id)
  }
}

/// Signs images.
public enum ImageSigner {
  /// Adds one signature for each group of a selection.
  ///
  /// All of them are made before the first is added: where one cannot be made, the image is not changed.
  ///
  /// - Parameters:
  ///   - editor: the image. Its own clock stamps the header and the new descriptors.
  ///   - signer: what makes the messages.
  ///   - time: when the messages shall say that they were signed.
  ///   - threads: how many threads may hash objects; nil for one each processor.
  /// - Returns: the descriptors of the signatures.
  @discardableResult
  public static func sign(
    _ editor: inout ImageEditor, with signer: borrowing some MessageSigner & ~Copyable,
    selection: IntegritySelection = IntegritySelection(), at time: Timestamp, threads: Int? = nil
  ) throws(IntegrityError) -> [Descriptor] {
    let image = editor.image
    let groups = try image.signedGroups(selection)
    let algorithm = HashAlgorithm.sha256
    var unique: [UInt32: Descriptor] = [:]
    for object in groups.flatMap(\.objects) { unique[object.id] = object }
    let digests = try ObjectDigests(
      image, unique.values.map { ($0, [algorithm]) }, threads: threads ?? Workers.processors)
    let header = try IntegrityDigest.of(image.header.integrityBytes, algorithm)
    var messages: [(group: UInt32, signed: SignedMessage)] = []
    for group in groups {
      var objects: [IntegrityMetadata.Object] = []
      for object in group.objects {
        let relativeID = object.id - group.smallestID
        guard let digest = digests[object.id, algorithm] else { continue }
        objects.append(
          IntegrityMetadata.Object(
            relativeID: relativeID,
            descriptorDigest: try .of(object.integrityBytes(relativeID: relativeID), algorithm),
            objectDigest: digest))
      }
      let text = IntegrityMetadata(headerDigest: header, objects: objects).encoded
      messages.append((group.group, try signer.sign(text, at: time)))
    }
    return try reading { () throws(SIFError) in
      var signatures: [Descriptor] = []
      for message in messages {
        var source = BytesSource(message.signed.bytes)
        signatures.append(
          try editor.add(
            NewObject(
              .signature, metadata: .signature(message.signed.metadata), group: nil,
              link: .group(message.group)),
            from: &source))
      }
      return signatures
    }
  }
}
