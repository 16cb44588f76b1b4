import Bytes
import SIF

/// The objects to sign, or to verify.
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

/// The objects that one signature covers: those of one group, or some of them.
struct SignedGroup {
  let group: UInt32
  /// The objects, ascending by id.
  let objects: [Descriptor]
  /// Whether these are all objects of the group.
  let isWhole: Bool
  /// The smallest id in the group; ids in metadata are relative to it.
  let smallestID: UInt32
}

extension Image {
  /// The groups of a selection: whole ones in the order of the selection, then those of single objects, ascending.
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
      let place = wholes.binarySearch { $0.group < group }
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
}
