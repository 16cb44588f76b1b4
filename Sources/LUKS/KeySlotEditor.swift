import Bytes
import Gcrypt

/// What has to be written, in which order, so that a change of the key slots cannot be torn: the parts of one step
/// may reach the disk in any order and to any extent, but all of them before the next step begins
/// (spec/encryption.md, "Changing keys").
public struct HeaderUpdate: Sendable {
  /// The steps, each of which is followed by a synchronisation.
  public let steps: [[HeaderPart]]
  /// The key slot that was made or destroyed.
  public let slot: Int
}

/// Changes which keys open a LUKS2 volume. The data and their key stay as they are.
///
/// It works in memory and says what is to be written; after each change it goes on from there.
public final class KeySlotEditor {
  private let device: CryptDevice
  private let key: VolumeKey
  /// The header after the last change.
  public private(set) var header: VolumeHeader

  /// Begins with a volume and its key.
  ///
  /// - Throws: ``LUKSError/Code/unsupported`` for LUKS1, whose only copy of the header cannot be changed safely.
  public init(
    _ source: any RandomAccess, _ header: VolumeHeader, key: VolumeKey
  ) throws(LUKSError) {
    guard header.copies != nil else {
      throw LUKSError(
        .unsupported, "the keys of a LUKS1 volume are not changed: decrypt it and encrypt it anew")
    }
    self.header = header
    self.key = key
    device = try header.device(source)
  }

  /// Adds a key slot.
  ///
  /// - Throws: ``LUKSError/Code/noFreeKeySlot``.
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
    // Nobody looks into the area before a header names it.
    return HeaderUpdate(steps: [[try part(area)]] + (try headers(old)), slot: slot)
  }

  /// Destroys a key slot; not the last one that opens the data.
  ///
  /// - Throws: ``LUKSError/Code/keySlot``.
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

  /// Both copies of the header: the one that may be lost first.
  private func headers(_ old: VolumeHeader) throws(LUKSError) -> [[HeaderPart]] {
    guard let copies = header.copies else { return [] }
    let parts = [
      try part(0..<copies.length), try part(copies.length..<2 * copies.length),
    ]
    // Of two equal ones the second goes first, so that the first, which everybody reads, stays whole longest.
    let isSecondFirst = old.copies?.isExpendable[1] ?? true
    return isSecondFirst ? [[parts[1]], [parts[0]]] : [[parts[0]], [parts[1]]]
  }

  private func part(_ range: Range<Int64>) throws(LUKSError) -> HeaderPart {
    HeaderPart(
      offset: range.lowerBound,
      bytes: try accessing(
        try device.read(Int(range.upperBound - range.lowerBound), at: range.lowerBound)))
  }
}
