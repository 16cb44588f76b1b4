public import Bytes
import Gcrypt
import LinuxSystem

/// The decrypted view of an encrypted file. Any thread can read any range; decrypted data exist only in memory, and only
/// if their block is unchanged.
///
/// A file that was cut between two blocks is shorter, and nothing shows it: whoever reads it must know its length.
public final class FileReader: RandomAccess {
  /// The number of plain bytes.
  public let byteCount: Int64
  /// The file does not hold these bytes.
  public var origin: Int64? { nil }
  private let source: any RandomAccess
  private let key: ContentKey
  private let id: [UInt8]
  private let buffers = BufferPool(byteCount: blocksAtOnce * BlockFormat.blockBytes)

  private static let blocksAtOnce = 64

  /// Makes a view with the key; reads the file's header.
  ///
  /// - Throws: ``GocryptfsError/Code/truncated`` if the file ends inside its header or inside a block's vector or tag;
  ///   ``GocryptfsError/Code/tampered`` if gocryptfs never writes such a header.
  public init(_ source: any RandomAccess, key: ContentKey) throws(GocryptfsError) {
    self.source = source
    self.key = key
    let header: [UInt8]
    do throws(StorageFault) {
      let length = try source.byteCount
      guard let count = BlockFormat.plainByteCount(of: length) else {
        throw StorageFault(
          .truncated, "the encrypted file ends inside its header or inside a block: it has \(length) bytes",
          offset: length)
      }
      byteCount = count
      header = try source.read(BlockFormat.headerBytes, at: 0)
    } catch { throw GocryptfsError(error) }
    id = Array(header.dropFirst(BlockFormat.version.count))
    guard byteCount > 0 else { return }
    guard header.starts(with: BlockFormat.version), id.count == BlockFormat.idBytes,
      !id.allSatisfy({ $0 == 0 })
    else {
      throw GocryptfsError(
        .tampered, "the header of the encrypted file was altered (at byte 0 of it)", offset: 0)
    }
  }

  /// Reads at an offset of the plain bytes until the buffer is full or they end.
  ///
  /// - Throws: ``StorageFault`` around a ``GocryptfsError/Code/tampered`` if a block was changed.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    guard offset >= 0, offset < byteCount, !buffer.isEmpty else { return 0 }
    let count = Int(min(Int64(buffer.count), byteCount - offset))
    let plain = Int64(BlockFormat.plainBytes)
    let end = offset + Int64(count)
    let scratch = buffers.take()
    defer { buffers.giveBack(scratch) }
    var position = offset
    while position < end {
      let first = position / plain
      let last = min((end - 1) / plain, first + Int64(Self.blocksAtOnce) - 1)
      let bytes = Int(min(last * plain + plain, byteCount) - first * plain)
      let encrypted = UnsafeMutableRawBufferPointer(
        rebasing: scratch[..<(bytes + Int(last - first + 1) * BlockFormat.overhead)])
      try source.readExactly(
        into: encrypted, at: Self.place(of: first), "the encrypted file became shorter while it was read")
      for number in first...last {
        let start = number * plain
        let length = Int(min(plain, byteCount - start))
        let at = Int(number - first) * BlockFormat.blockBytes
        let block = UnsafeMutableRawBufferPointer(
          rebasing: encrypted[at..<(at + length + BlockFormat.overhead)])
        let (from, to) = (max(start, offset), min(start + Int64(length), end))
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[Int(from - offset)..<Int(to - offset)])
        if part.count == length {
          try decrypt(UnsafeRawBufferPointer(block), number, into: part)
        } else {
          // In place: the vector lies before the bytes, and the tag after them.
          let whole = UnsafeMutableRawBufferPointer(
            rebasing: block[BlockFormat.ivBytes..<(BlockFormat.ivBytes + length)])
          try decrypt(UnsafeRawBufferPointer(block), number, into: whole)
          let skipped = Int(from - start)
          part.copyMemory(from: UnsafeRawBufferPointer(rebasing: whole[skipped..<(skipped + part.count)]))
        }
      }
      position = min(last * plain + plain, end)
    }
    return count
  }

  private static func place(of block: Int64) -> Int64 {
    Int64(BlockFormat.headerBytes) + block * Int64(BlockFormat.blockBytes)
  }

  private func decrypt(
    _ block: UnsafeRawBufferPointer, _ number: Int64, into target: UnsafeMutableRawBufferPointer
  ) throws(StorageFault) {
    let isUnchanged: Bool
    do throws(GcryptError) {
      isUnchanged = try key.decrypt(
        block, into: target, authenticating: BlockFormat.authenticated(UInt64(number), id))
    } catch { throw StorageFault(.source, causedBy: GocryptfsError(error)) }
    guard isUnchanged else {
      let place = Self.place(of: number)
      throw StorageFault(
        .source,
        causedBy: GocryptfsError(
          .tampered, "block \(number) of the encrypted file was altered (at byte \(place) of it)",
          offset: place))
    }
  }

  /// Decrypts everything on several threads.
  ///
  /// - Parameters:
  ///   - threads: the number of threads.
  ///   - write: receives parts of the plain bytes in any order, from any of the threads.
  public func decryptAll(
    threads: Int, to write: @escaping @Sendable (UnsafeRawBufferPointer, Int64) throws(StorageFault) -> Void
  ) throws(GocryptfsError) {
    do throws(StorageFault) {
      try ParallelRuns.forEach(byteCount, threads: threads) { (buffer, position) throws(StorageFault) in
        try self.readExactly(into: buffer, at: position)
        try write(UnsafeRawBufferPointer(buffer), position)
      }
    } catch { throw GocryptfsError(error) }
  }
}
