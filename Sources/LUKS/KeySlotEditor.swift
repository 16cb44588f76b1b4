import Gcrypt

/// The writes for a change of the key slots, in an order that survives an interruption. The parts of one step
/// may reach the disk in any order and to any extent, but all of them must be there before the next step
/// begins (spec/encryption.md, "Changing keys").
public struct HeaderUpdate: Sendable {
  /// The steps. After each of them, the file has to be synchronised.
  public let steps: [[HeaderPart]]
  /// The key slot that was added or destroyed.
  public let slot: Int
}

/// Adds and removes the keys of a LUKS2 volume. The data and their key stay the same.
///
/// It works in memory and returns the necessary writes. Each change builds on the previous one.
public final class KeySlotEditor {
  private let device: CryptDevice
  private let key: VolumeKey
  /// The header after the last change.
  public private(set) var header: VolumeHeader

  /// Starts with a volume and its key.
  ///
  /// - Throws: ``LUKSError/Code/unsupported`` for LUKS1, whose only copy of the header cannot be changed safely.
  public init(
    _ source: any VolumeSource, _ header: VolumeHeader, key: VolumeKey
  ) throws(LUKSError) {
    guard header.copies != nil else {
      throw LUKSError(
        .unsupported, "the keys of a LUKS1 volume cannot be changed: decrypt it and encrypt it again")
    }
    self.header = header
    self.key = key
    device = try header.device(source)
  }

  /// Adds a key slot.
  ///
  /// - Throws: ``LUKSError/Code/noFreeKeySlot`` if there is no room.
  public func add(_ newKey: Span<UInt8>, _ kdf: KeyDerivationCost) throws(LUKSError) -> HeaderUpdate {
    try kdf.check()
    guard !newKey.isEmpty else {
      throw LUKSError(.invalidArgument, "an empty passphrase protects nothing")
    }
    try device.set(kdf)
    let old = header
    let slot = try device.addSlot(newKey, for: key)
    header = try VolumeHeader(checking: device, allowsAnyCipher: true)
    guard let area = header.areas[slot] else {
      throw LUKSError(.library, "the new key slot is not in the header")
    }
    // The area is written first, because nothing uses it before a header names it.
    return HeaderUpdate(steps: [[try part(area)]] + (try headers(old)), slot: slot)
  }

  /// Destroys a key slot, but not the last one that opens the data.
  ///
  /// - Throws: ``LUKSError/Code/keySlot`` if the slot does not exist or is the last one.
  public func remove(_ slot: Int) throws(LUKSError) -> HeaderUpdate {
    guard let area = header.areas[slot] else {
      throw LUKSError(.keySlot, "the volume has no key slot \(slot)")
    }
    guard header.openingSlots != [slot] else {
      throw LUKSError(.keySlot, "key slot \(slot) is the last one: without it nothing opens the volume")
    }
    let old = header
    try device.destroySlot(slot)
    header = try VolumeHeader(checking: device, allowsAnyCipher: true)
    return HeaderUpdate(steps: try headers(old) + [[try part(area)]], slot: slot)
  }

  /// Both copies of the header, first the one that may be lost.
  private func headers(_ old: VolumeHeader) throws(LUKSError) -> [[HeaderPart]] {
    guard let copies = header.copies else { return [] }
    let parts = [
      try part(0..<copies.length), try part(copies.length..<2 * copies.length),
    ]
    // If the copies are equal, write the second one first: the first copy, which every program reads, stays
    // intact longest.
    let isSecondFirst = old.copies?.isExpendable[1] ?? true
    return isSecondFirst ? [[parts[1]], [parts[0]]] : [[parts[0]], [parts[1]]]
  }

  private func part(_ range: Range<Int64>) throws(LUKSError) -> HeaderPart {
    HeaderPart(
      offset: range.lowerBound,
      bytes: try device.read(Int(range.upperBound - range.lowerBound), at: range.lowerBound))
  }
}
