public import Bytes
import Gcrypt
import LinuxSystem

extension VolumeHeader {
  /// The results of a key that fits: its slot, and the volume key.
  public struct Unlocked: Sendable {
    /// The key slot's number.
    public let slot: Int
    /// The volume key.
    public let key: VolumeKey
  }

  /// Finds the volume key. Its cost is ``cost``, but this method does not enforce limits.
  ///
  /// - Parameters:
  ///   - key: the exact passphrase or key.
  ///   - source: the volume that the header was read from.
  ///   - slot: the only key slot to try; nil for all that contain the key of the data.
  /// - Throws: ``LUKSError/Code/wrongKey`` if it opens no key slot; ``LUKSError/Code/keySlot`` if `slot` does
  ///   not contain the key of the data.
  public func unlock(
    _ key: Span<UInt8>, in source: any RandomAccess, slot: Int? = nil
  ) throws(LUKSError) -> Unlocked {
    // libcryptsetup would return the key of an unbound slot if asked for that slot.
    if let slot, !openingSlots.contains(slot) {
      throw LUKSError(.keySlot, "no key slot \(slot) opens the volume")
    }
    let device = try device(source)
    let (slot, volumeKey) = try device.volumeKey(key, count: cipher.keyBits / 8, slot: slot)
    return Unlocked(slot: slot, key: volumeKey)
  }

  /// Has the kernel decrypt a block device with the bytes of this volume, read-only, under a name of
  /// device-mapper. The kernel decrypts according to this header, even if the device has changed since.
  ///
  /// - Parameter source: the volume that the header was read from.
  /// - Throws: ``LUKSError/Code/library`` if the kernel lacks device-mapper or dm-crypt.
  package func activate(
    _ name: String, of source: any RandomAccess, over device: String, _ key: VolumeKey
  ) throws(LUKSError) {
    try self.device(source).activate(name, over: device, key)
  }

  /// Opens libcryptsetup over the checked parts of the header. It does not see the other copy of a LUKS2
  /// header, which may differ, but one that is made from the current copy.
  func device(_ source: any RandomAccess) throws(LUKSError) -> CryptDevice {
    var parts: [(offset: Int64, bytes: [UInt8])] = []
    let checked = copies.map { [$0.counting] + areas.values.sorted { $0.lowerBound < $1.lowerBound } }
    for region in checked ?? regions {
      let bytes = try accessing(
        try source.read(Int(region.upperBound - region.lowerBound), at: region.lowerBound))
      guard bytes.count == region.upperBound - region.lowerBound else {
        throw LUKSError(.truncated, "the volume ends inside its header", offset: region.lowerBound)
      }
      parts.append((region.lowerBound, bytes))
      if let copies, region == copies.counting { parts.append(try copies.counterpart(of: bytes)) }
    }
    let device = try CryptDevice(byteCount: volumeByteCount, parts: parts)
    try device.load()
    return device
  }
}

/// The decrypted view of a volume. Any thread can read any range; decrypted data exist only in memory.
public final class VolumeReader: RandomAccess {
  /// The number of bytes of the payload.
  public let byteCount: Int64
  /// The file does not hold these bytes.
  public var origin: Int64? { nil }
  private let cipher: SectorCipher
  private let source: any RandomAccess
  private let dataOffset: Int64
  private let dataByteCount: Int64
  private let buffers = BufferPool(byteCount: 256 << 10)

  /// Makes a view with the volume key.
  public init(
    _ source: any RandomAccess, _ header: VolumeHeader, key: VolumeKey
  ) throws(LUKSError) {
    self.source = source
    cipher = try key.sectorCipher(header)
    dataOffset = header.facts.dataOffset
    dataByteCount = header.dataByteCount
    byteCount = header.payloadByteCount
  }

  /// Reads at an offset of the payload until the buffer is full or the payload ends.
  ///
  /// - Returns: the number of bytes read.
  /// - Throws: ``StorageFault/Code/truncated`` if the volume becomes shorter meanwhile.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    guard offset >= 0, offset < byteCount else { return 0 }
    let count = Int(min(Int64(buffer.count), byteCount - offset))
    let sector = Int64(cipher.sectorSize)
    let scratch = buffers.take()
    defer { buffers.giveBack(scratch) }
    var done = 0
    while done < count {
      let position = offset + Int64(done)
      let start = position / sector * sector
      let wanted = min(
        Int64(scratch.count), (position + Int64(count - done) - start + sector - 1) / sector * sector)
      let part = UnsafeMutableRawBufferPointer(rebasing: scratch[..<Int(min(wanted, dataByteCount - start))])
      // The reader counts from the start of the payload, not of the volume.
      do { try readSectors(part, at: start) } catch { throw error.rebased(by: dataOffset) }
      let skipped = Int(position - start)
      let taken = min(part.count - skipped, count - done)
      UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + taken]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: part[skipped..<skipped + taken]))
      done += taken
    }
    return count
  }

  /// Reads whole sectors.
  func readSectors(_ part: UnsafeMutableRawBufferPointer, at position: Int64) throws(StorageFault) {
    try source.readExactly(
      into: part, at: dataOffset + position, "the volume became shorter while it was read")
    do { try cipher.decrypt(part, at: position) } catch { throw StorageFault(.source, causedBy: error) }
  }

  /// Decrypts the payload on several threads.
  ///
  /// - Parameters:
  ///   - threads: the number of threads.
  ///   - write: receives parts of the payload in any order, from any of the threads.
  public func decryptAll(
    threads: Int, to write: @escaping @Sendable (UnsafeRawBufferPointer, Int64) throws(StorageFault) -> Void
  ) throws(LUKSError) {
    try accessing(
      try ParallelRuns.forEach(dataByteCount, threads: threads) { (buffer, position) throws(StorageFault) in
        try self.readSectors(buffer, at: position)
        let count = Int(min(Int64(buffer.count), self.byteCount - position))
        if count > 0 { try write(UnsafeRawBufferPointer(rebasing: buffer[..<count]), position) }
      })
  }
}
