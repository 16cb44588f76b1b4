public import Bytes
import Gcrypt
import LinuxSystem
import Synchronization

/// A part of a volume's header that has to be written.
public struct HeaderPart: Sendable, Equatable {
  /// The offset of the part, in bytes from the start of the volume.
  public let offset: Int64
  /// The bytes.
  public let bytes: [UInt8]
}

/// A new volume: its header, in memory, and its key.
public struct NewVolume: Sendable {
  /// The checked header.
  public let header: VolumeHeader
  /// The key that the data are encrypted with.
  public let key: VolumeKey
  /// The parts of the header. All bytes between them, up to the data, are zero.
  public let parts: [HeaderPart]

  /// Makes a LUKS2 header with one key slot.
  ///
  /// - Parameters:
  ///   - options: the parameters of the volume.
  ///   - payloadByteCount: the number of bytes that will be encrypted. If they are not whole sectors, the
  ///     header records their number.
  ///   - key: the passphrase or key that will open the volume; not empty.
  /// - Throws: ``LUKSError`` if the options are invalid or libcryptsetup fails.
  public init(
    _ options: FormatOptions, payloadByteCount: Int64, key: Span<UInt8>
  ) throws(LUKSError) {
    try options.check()
    guard !key.isEmpty else { throw LUKSError(.invalidArgument, "an empty passphrase protects nothing") }
    let sector = Int64(options.sectorSize)
    let (rounded, overflow) = payloadByteCount.addingReportingOverflow(sector - 1)
    let (end, tooLarge) = (rounded / sector * sector).addingReportingOverflow(options.dataOffset)
    guard payloadByteCount >= 0, !overflow, !tooLarge else {
      throw LUKSError(.invalidArgument, "a payload of \(payloadByteCount) bytes")
    }
    let volumeKey = try VolumeKey(randomCount: FormatOptions.keyBytes)
    // The library demands some data after the header.
    let device = try CryptDevice(byteCount: max(end, options.dataOffset + 4096), parts: [])
    try device.format(options, volumeKey)
    _ = try device.addSlot(key, for: volumeKey)
    if payloadByteCount % sector != 0 {
      let type = VolumeHeader.payloadTokenType
      try device.addToken(
        Array(#"{"type":"\#(type)","keyslots":[],"length":"\#(payloadByteCount)"}"#.utf8))
    }
    // Check it like any other header, to be sure that this module opens the volumes that it makes.
    let header = try VolumeHeader(checking: device)
    self.header = header
    self.key = volumeKey
    parts = try header.parts(of: device)
  }

  /// Writes the header.
  public func writeHeader(to target: any RandomWritable) throws(LUKSError) {
    for part in parts { try accessing(try target.write(part)) }
  }

  /// Encrypts a payload on several threads. The last sector is padded with zeros.
  ///
  /// - Parameters:
  ///   - payload: the bytes.
  ///   - target: the volume.
  /// - Throws: ``LUKSError/Code/truncated`` if the payload becomes shorter meanwhile.
  public func encryptAll(
    _ payload: any RandomAccess, to target: any RandomWritable, threads: Int
  ) throws(LUKSError) {
    let cipher = try key.sectorCipher(header)
    let sector = Int64(cipher.sectorSize)
    let byteCount = try accessing(try payload.byteCount)
    let total = (byteCount + sector - 1) / sector * sector
    let dataOffset = header.facts.dataOffset
    try accessing(
      try ParallelRuns.forEach(total, threads: threads) { (buffer, position) throws(StorageFault) in
        let wanted = Int(min(Int64(buffer.count), byteCount - position))
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        guard try payload.read(into: part, at: position) == wanted else {
          throw StorageFault(.truncated, "the payload became shorter while it was read")
        }
        UnsafeMutableRawBufferPointer(rebasing: buffer[wanted...]).initializeMemory(
          as: UInt8.self, repeating: 0)
        do throws(GcryptError) { try cipher.encrypt(buffer, at: position) } catch {
          throw StorageFault(.source, causedBy: error)
        }
        try target.write(UnsafeRawBufferPointer(buffer), at: dataOffset + position)
      })
  }
}

extension RandomWritable {
  /// Writes a part of a header.
  func write(_ part: HeaderPart) throws(StorageFault) {
    try write(part.bytes.span.bytes, at: part.offset)
  }
}

extension VolumeHeader {
  /// The parts of the header that have to be written.
  func parts(of source: any RandomAccess) throws(LUKSError) -> [HeaderPart] {
    var parts: [HeaderPart] = []
    for region in regions {
      parts.append(
        HeaderPart(
          offset: region.lowerBound,
          bytes: try accessing(
            try source.read(Int(region.upperBound - region.lowerBound), at: region.lowerBound))))
    }
    return parts
  }
}

/// Writes a payload into a volume at any offset, in any order, and also over earlier writes. Several threads
/// may use it; they take turns.
public final class VolumeWriter: RandomWritable {
  private let cipher: SectorCipher
  private let target: any RandomAccess & RandomWritable
  private let dataOffset: Int64
  private let state: Mutex<State>

  private struct State: @unchecked Sendable {
    /// The end of the written data, in whole sectors. Everything after it was never encrypted.
    var end: Int64 = 0
    let buffer: UnsafeMutableRawBufferPointer
  }

  /// Makes a writer for a new volume. The header may still be missing from it.
  public init(_ volume: NewVolume, to target: any RandomAccess & RandomWritable) throws(LUKSError) {
    cipher = try volume.key.sectorCipher(volume.header)
    self.target = target
    dataOffset = volume.header.facts.dataOffset
    state = Mutex(State(buffer: .allocate(byteCount: 256 << 10, alignment: 4096)))
  }

  deinit { state.withLock { $0.buffer.deallocate() } }

  /// Writes all bytes at an offset of the payload. A gap before them reads as zeros.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    guard offset >= 0 else { throw StorageFault(.invalidArgument, "a negative offset") }
    try state.withLock { state throws(StorageFault) in
      while state.end < offset {
        // Fill up with zeros to the sector in which the bytes begin.
        let sector = Int64(cipher.sectorSize)
        let gap = min((offset + sector - 1) / sector * sector - state.end, Int64(state.buffer.count))
        try put(&state, UnsafeRawBufferPointer(start: nil, count: 0), at: state.end, sectors: Int(gap))
      }
      var done = 0
      while done < bytes.count {
        let position = offset + Int64(done)
        let sector = cipher.sectorSize
        let lead = Int(position % Int64(sector))
        let count = min(bytes.count - done, state.buffer.count - lead)
        try put(
          &state, UnsafeRawBufferPointer(rebasing: bytes[done..<done + count]), at: position,
          sectors: (lead + count + sector - 1) / sector * sector)
        done += count
      }
    }
  }

  /// Writes bytes within whole sectors; `sectors` is the length of those.
  private func put(
    _ state: inout State, _ bytes: UnsafeRawBufferPointer, at position: Int64, sectors: Int
  ) throws(StorageFault) {
    let sector = cipher.sectorSize
    let start = position / Int64(sector) * Int64(sector)
    let buffer = UnsafeMutableRawBufferPointer(rebasing: state.buffer[..<sectors])
    let lead = Int(position - start)
    let tail = lead + bytes.count
    if lead > 0 || bytes.isEmpty { try load(state.end, buffer, 0, start) }
    let last = sectors - sector
    if tail < sectors, last > 0 || lead == 0 && !bytes.isEmpty { try load(state.end, buffer, last, start) }
    UnsafeMutableRawBufferPointer(rebasing: buffer[lead..<tail]).copyMemory(from: bytes)
    do { try cipher.encrypt(buffer, at: start) } catch { throw StorageFault(.source, causedBy: error) }
    do { try target.write(UnsafeRawBufferPointer(buffer), at: dataOffset + start) } catch {
      throw error.rebased(by: dataOffset)
    }
    state.end = max(state.end, start + Int64(sectors))
  }

  /// Fills the sector at an offset of the buffer with the existing data, or with zeros after the end.
  private func load(
    _ end: Int64, _ buffer: UnsafeMutableRawBufferPointer, _ offset: Int, _ start: Int64
  ) throws(StorageFault) {
    let position = start + Int64(offset)
    guard position < end else {
      UnsafeMutableRawBufferPointer(rebasing: buffer[offset...]).initializeMemory(
        as: UInt8.self, repeating: 0)
      return
    }
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[offset..<offset + cipher.sectorSize])
    do {
      try target.readExactly(into: part, at: dataOffset + position, "the written data is gone")
    } catch {
      throw error.rebased(by: dataOffset)
    }
    do { try cipher.decrypt(part, at: position) } catch { throw StorageFault(.source, causedBy: error) }
  }
}
