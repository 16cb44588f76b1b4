public import Bytes
import Gcrypt
import LinuxSystem
import Synchronization

/// Encrypts a file from front to back, on several threads.
public final class FileEncryptor {
  /// The number of bytes of the encrypted file.
  public let byteCount: Int64
  private let plain: any RandomAccess
  private let plainByteCount: Int64
  private let key: ContentKey
  private let threads: Int
  private let id: [UInt8]
  /// Encrypted bytes, those from `taken` to `ready` not handed out yet.
  private let buffer: UnsafeMutableRawBufferPointer
  private var taken = 0
  private var ready = 0
  /// The number of the next block.
  private var next: Int64 = 0

  /// The blocks that one thread encrypts at a time, and the number of such groups in the buffer.
  private static let blocksOfGroup = 64
  private static let groups = 16

  /// Begins to encrypt bytes, which must not change meanwhile.
  ///
  /// - Throws: ``GocryptfsError/Code/invalidArgument`` if there are too many.
  public init(_ plain: any RandomAccess, key: ContentKey, threads: Int) throws(GocryptfsError) {
    do { plainByteCount = try plain.byteCount } catch { throw GocryptfsError(error) }
    guard let count = BlockFormat.encryptedByteCount(of: plainByteCount) else {
      throw GocryptfsError(.invalidArgument, "\(plainByteCount) bytes are too many to encrypt")
    }
    byteCount = count
    self.plain = plain
    self.key = key
    self.threads = threads
    id = Random.bytes(BlockFormat.idBytes)
    buffer = .allocate(
      byteCount: BlockFormat.headerBytes + Self.groups * Self.blocksOfGroup * BlockFormat.blockBytes,
      alignment: 4096)
    guard plainByteCount > 0 else { return }
    buffer.copyBytes(from: BlockFormat.version + id)
    ready = BlockFormat.headerBytes
  }

  deinit { buffer.deallocate() }

  /// Fills a buffer with the next bytes of the encrypted file.
  ///
  /// - Throws: ``GocryptfsError/Code/truncated`` if there are not so many.
  public func read(into target: UnsafeMutableRawBufferPointer) throws(GocryptfsError) {
    var done = 0
    while done < target.count {
      if taken == ready { try encryptMore() }
      let count = min(ready - taken, target.count - done)
      UnsafeMutableRawBufferPointer(rebasing: target[done..<(done + count)]).copyMemory(
        from: UnsafeRawBufferPointer(rebasing: buffer[taken..<(taken + count)]))
      taken += count
      done += count
    }
  }

  /// Fills the empty buffer with encrypted blocks.
  private func encryptMore() throws(GocryptfsError) {
    let start = next * Int64(BlockFormat.plainBytes)
    guard start < plainByteCount else {
      throw GocryptfsError(.truncated, "there are no more bytes to encrypt")
    }
    let total = (plainByteCount - start - 1) / Int64(BlockFormat.plainBytes) + 1
    let blocks = Int(min(total, Int64(Self.groups * Self.blocksOfGroup)))
    let groups = (blocks - 1) / Self.blocksOfGroup + 1
    let job = Job(plain: plain, plainByteCount: plainByteCount, key: key, id: id, buffer: buffer)
    let first = next
    Workers.forEach(groups, threads: threads) { group in
      let place = group * Self.blocksOfGroup
      do throws(GocryptfsError) {
        try job.encrypt(first + Int64(place), min(Self.blocksOfGroup, blocks - place), at: place)
      } catch { job.fault.withLock { $0 = $0 ?? error } }
    }
    if let fault = job.fault.withLock({ $0 }) { throw fault }
    next += Int64(blocks)
    taken = 0
    let plain = min(Int64(blocks * BlockFormat.plainBytes), plainByteCount - start)
    ready = Int(plain) + blocks * BlockFormat.overhead
  }
}

/// What the threads of one encryption share. They write to different parts of the buffer.
private final class Job: @unchecked Sendable {
  let fault = Mutex<GocryptfsError?>(nil)
  private let plain: any RandomAccess
  private let plainByteCount: Int64
  private let key: ContentKey
  private let id: [UInt8]
  private let buffer: UnsafeMutableRawBufferPointer

  init(
    plain: any RandomAccess, plainByteCount: Int64, key: ContentKey, id: [UInt8],
    buffer: UnsafeMutableRawBufferPointer
  ) {
    self.plain = plain
    self.plainByteCount = plainByteCount
    self.key = key
    self.id = id
    self.buffer = buffer
  }

  /// Encrypts blocks.
  ///
  /// - Parameters:
  ///   - first: the number of the first block.
  ///   - place: where it goes, in blocks from the start of the buffer.
  func encrypt(_ first: Int64, _ count: Int, at place: Int) throws(GocryptfsError) {
    let start = first * Int64(BlockFormat.plainBytes)
    let length = Int(min(Int64(count * BlockFormat.plainBytes), plainByteCount - start))
    let vectors = Random.bytes(count * BlockFormat.ivBytes)
    let bytes: [UInt8]
    do { bytes = try plain.read(length, at: start) } catch { throw GocryptfsError(error) }
    guard bytes.count == length else {
      throw GocryptfsError(.truncated, "the bytes became fewer while they were encrypted")
    }
    var failure: GcryptError?
    vectors.withUnsafeBytes { vectors in
      bytes.withUnsafeBytes { bytes in
        do throws(GcryptError) {
          for index in 0..<count {
            let from = index * BlockFormat.plainBytes
            let part = UnsafeRawBufferPointer(
              rebasing: bytes[from..<min(from + BlockFormat.plainBytes, length)])
            let to = (place + index) * BlockFormat.blockBytes
            let iv = index * BlockFormat.ivBytes
            try key.encrypt(
              part, iv: UnsafeRawBufferPointer(rebasing: vectors[iv..<(iv + BlockFormat.ivBytes)]),
              into: UnsafeMutableRawBufferPointer(
                rebasing: buffer[to..<(to + part.count + BlockFormat.overhead)]),
              authenticating: BlockFormat.authenticated(UInt64(first) + UInt64(index), id))
          }
        } catch { failure = error }
      }
    }
    if let failure { throw GocryptfsError(failure) }
  }
}
