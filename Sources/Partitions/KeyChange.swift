public import LUKS
public import SIF

/// A change of the keys of one encrypted partition. After each step, one of the keys opens the image
/// (spec/encryption.md, "Changing keys").
public struct KeyChange {
  /// The partition.
  public let partition: Descriptor
  /// The header with the current key slots.
  public var header: VolumeHeader { slots.header }
  /// The slot that was added.
  public private(set) var addedSlot: Int?
  /// The slot that was removed.
  public private(set) var removedSlot: Int?
  /// The messages that were added.
  public private(set) var messages: [Descriptor] = []
  /// The messages that were dropped because they no longer opened anything.
  public private(set) var droppedMessages: [Descriptor] = []

  private let opened: OpenedPartition.Volume
  private let slots: KeySlotEditor
  /// The messages that were there before.
  private let oldMessages: [Descriptor]

  /// A change of a partition that was just unlocked.
  ///
  /// - Throws: ``PartitionError/Code/notEncrypted`` for a plain one; ``LUKSError``.
  public init(of partition: OpenedPartition, in image: Image) throws {
    guard let object = partition.object, let encryption = partition.encryption else {
      throw PartitionError(.notEncrypted, "the partition is not encrypted")
    }
    guard case .luks(let volume) = encryption else { throw Self.fixedKeys(object) }
    self.partition = object
    opened = volume
    slots = try KeySlotEditor(partition.bytes, volume.header, key: volume.key)
    oldMessages = image.wrappedKeys(for: object)
  }

  /// Refuses a partition whose keys cannot be changed in place, before anybody is asked for them.
  ///
  /// - Throws: ``PartitionError/Code/fixedKeys``.
  public static func check(_ partition: Descriptor) throws(PartitionError) {
    if partition.isGocryptfs { throw fixedKeys(partition) }
  }

  private static func fixedKeys(_ partition: Descriptor) -> PartitionError {
    PartitionError(
      .fixedKeys,
      "partition \(partition.id) is encrypted by gocryptfs, whose key lies inside of a squashfs and cannot be changed in "
        + "place: decrypt the image, and encrypt it with the new key")
  }

  /// Adds a key: its slot, and then the messages that hold it.
  public mutating func add(
    _ key: NewVolumeKey, _ cost: KeyDerivationCost, _ editor: inout ImageEditor
  ) throws {
    let free = editor.image.header.descriptorsTotal - Int64(editor.image.descriptors.count)
    guard free >= key.messages.count else {
      throw SIFError(
        .noFreeDescriptor,
        "the image has room for \(free) more objects, and \(key.messages.count) messages are to be added; "
          + "growing the image makes more")
    }
    if !key.isShared {
      let update = try key.addSlot(to: slots, cost)
      addedSlot = update.slot
      try apply(update, &editor)
    }
    do {
      messages = try key.addMessages(to: &editor, for: partition)
    } catch {
      // Nobody has the key of this slot.
      if let addedSlot, let undo = try? slots.remove(addedSlot) { try? apply(undo, &editor) }
      throw error
    }
  }

  /// Removes the slot that was opened, and the messages that are of no use without it.
  public mutating func removeOld(_ editor: inout ImageEditor) throws {
    let others = slots.header.openingSlots.filter { $0 != opened.slot && $0 != addedSlot }
    let update = try slots.remove(opened.slot)
    // If no old slot remains, no old message is of use, including those that could not be read.
    for message in oldMessages where others.isEmpty || message.id == opened.candidate.message {
      try editor.delete(id: message.id, options: [.zero, .compact])
      droppedMessages.append(message)
    }
    try apply(update, &editor)
    removedSlot = opened.slot
  }

  /// The dropped messages of other recipients, who lose access.
  public var lostMessages: [Descriptor] { droppedMessages.filter { $0.id != opened.candidate.message } }

  /// The old messages that stay, because they may belong to other key slots that remain.
  public var keptMessages: [Descriptor] {
    oldMessages.filter { old in !droppedMessages.contains { $0.id == old.id } }
  }

  private func apply(_ update: HeaderUpdate, _ editor: inout ImageEditor) throws {
    try editor.overwrite(id: partition.id, steps: update.steps.map { $0.map { ($0.offset, $0.bytes) } })
  }
}
