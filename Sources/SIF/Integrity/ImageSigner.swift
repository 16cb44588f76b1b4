import Gcrypt
import LinuxSystem

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
    let wholes = wholeGroups
    if selection == IntegritySelection() {
      guard !wholes.isEmpty else { throw .selection("the image has no object group") }
      return wholes
    }
    func whole(_ group: UInt32) -> SignedGroup? {
      let place = wholes.partition { $0.group < group }
      return place < wholes.count && wholes[place].group == group ? wholes[place] : nil
    }
    var result: [SignedGroup] = []
    for group in selection.groups where !result.contains(where: { $0.group == group }) {
      guard let whole = whole(group) else { throw .selection("no object is in group \(group)") }
      result.append(whole)
    }
    var chosen: [Descriptor] = []
    for id in selection.objects.sorted().withoutRepetitions {
      let object = try reading { () throws(SIFError) in try self.object(id: id) }
      guard object.group != nil else { throw .selection("object \(id) is in no group") }
      chosen.append(object)
    }
    for group in chosen.compactMap(\.group).sorted().withoutRepetitions {
      guard let whole = whole(group) else { continue }
      result.append(
        SignedGroup(
          group: group, objects: chosen.filter { $0.group == group }, isWhole: false,
          smallestID: whole.smallestID))
    }
    return result
  }

  /// All groups with all of their objects, ascending.
  private var wholeGroups: [SignedGroup] {
    let objects = descriptors.filter { $0.group != nil }.sorted { left, right in
      (left.group ?? 0, left.id) < (right.group ?? 0, right.id)
    }
    var result: [SignedGroup] = []
    var start = 0
    while start < objects.count {
      var end = start + 1
      while end < objects.count, objects[end].group == objects[start].group { end += 1 }
      result.append(
        SignedGroup(
          group: objects[start].group ?? 0, objects: Array(objects[start..<end]), isWhole: true,
          smallestID: objects[start].id))
      start = end
    }
    return result
  }

  /// Signatures speak of objects by their ids: with two of one id nobody knows which is meant.
  private var duplicateID: SIFError? {
    let ids = descriptors.map(\.id).sorted()
    guard let place = ids.indices.dropFirst().first(where: { ids[$0] == ids[$0 - 1] }) else { return nil }
    return SIFError(.multipleObjects, "several objects have the id \(ids[place])", objectID: ids[place])
  }

  /// Why no verdict can be given on what the image says: an object is not wholly there, or two have one id. Nil
  /// where nothing of that kind is wrong.
  var firstFault: SIFError? {
    for descriptor in descriptors {
      do throws(SIFError) { _ = try bytes(of: descriptor) } catch { return error }
    }
    return duplicateID
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
    let digests = try ObjectDigests(
      image, groups.flatMap(\.objects).map { ($0, algorithm) }, threads: threads ?? Workers.processors())
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
