import Bytes
import Testing

@testable import Gocryptfs

/// Encrypted files: there and back, and every kind of change.
@Suite struct FileTests {
  private let files: EncryptedFiles

  init() throws { files = try EncryptedFiles() }

  @Test(arguments: [0, 1, 31, 4095, 4096, 4097, 8192, 300_000, 5_000_000], [1, 4])
  func thereAndBack(count: Int, threads: Int) throws {
    let plain = pattern(count)
    let encrypted = try files.encrypt(plain, threads: threads)
    #expect(BlockFormat.plainByteCount(of: Int64(encrypted.count)) == Int64(count))
    #expect(try files.decrypt(encrypted) == plain)
    let reader = try files.reader(encrypted)
    for (offset, length) in [(0, 1), (4095, 2), (4096, 4096), (1, 300_000), (count - 1, 5), (count, 1)] {
      guard offset >= 0 else { continue }
      let expected = Array(plain.dropFirst(offset).prefix(length))
      #expect(try reader.read(length, at: Int64(offset)) == expected, "\(offset) \(length)")
    }
    let whole = Collected(count)
    try reader.decryptAll(threads: threads) { bytes, offset in whole.put(bytes, offset) }
    #expect(whole.bytes == plain)
  }

  /// Each byte of a small file, and some bytes of a longer one.
  @Test func anyByte() throws {
    let small = try files.encrypt(pattern(20))
    for place in small.indices {
      var changed = small
      changed[place] ^= 1
      let fault = #expect(throws: (any Error).self, "\(place)") { try files.decrypt(changed) }
      #expect((fault as? any Fault)?.kind == .tampered, "\(place): \(String(describing: fault))")
    }
    let long = try files.encrypt(pattern(20_000))
    for (place, block) in [
      (18, 0), (40, 0), (18 + 4127, 0), (18 + 4128, 1), (18 + 3 * 4128 + 100, 3), (20_177, 4),
    ] {
      var changed = long
      changed[place] ^= 0x80
      let fault = #expect(throws: StorageFault.self) { try files.decrypt(changed) }
      #expect(fault?.kind == .tampered && fault?.offset == Int64(18 + block * 4128), "\(place)")
      // The other blocks can be read.
      let reader = try files.reader(changed)
      #expect(try reader.read(10, at: Int64((block + 1) % 4 * 4096)).count == 10)
    }
  }

  @Test func movedBlocks() throws {
    let (one, two) = (try files.encrypt(pattern(20_000)), try files.encrypt(pattern(20_000)))
    let (first, second) = (18..<(18 + 4128), (18 + 4128)..<(18 + 2 * 4128))
    var swapped = one
    swapped.replaceSubrange(first, with: one[second])
    swapped.replaceSubrange(second, with: one[first])
    var moved = one
    moved.replaceSubrange(second, with: two[second])
    var repeated = one
    repeated.replaceSubrange(second, with: one[first])
    // gocryptfs takes a block of zeros for a hole, which nothing protects.
    var hole = one
    hole.replaceSubrange(second, with: [UInt8](repeating: 0, count: 4128))
    var otherHeader = one
    otherHeader.replaceSubrange(0..<18, with: two[..<18])
    for changed in [swapped, moved, repeated, hole, otherHeader] {
      let fault = #expect(throws: StorageFault.self) { try files.decrypt(changed) }
      #expect(fault?.kind == .tampered && fault?.underlying is GocryptfsError)
    }
    #expect(try files.decrypt(one) == files.decrypt(two))
    let other = try EncryptedFiles()
    let fault = #expect(throws: StorageFault.self) { try other.decrypt(one) }
    #expect(fault?.kind == .tampered)
  }

  @Test func truncated() throws {
    let whole = try files.encrypt(pattern(10_000))
    for count in [1, 17, 19, 18 + 32, 18 + 4128 + 1, 18 + 4128 + 32] {
      let fault = #expect(throws: GocryptfsError.self) { try files.reader(Array(whole.prefix(count))) }
      #expect(fault?.code == .truncated && fault?.kind == .malformed, "\(count)")
    }
    // Inside the bytes of a block: its tag is wrong.
    let fault = #expect(throws: StorageFault.self) { try files.decrypt(Array(whole.prefix(18 + 4128 + 100))) }
    #expect(fault?.kind == .tampered)
    // Between two blocks: the file is shorter, and whoever reads it must know.
    #expect(try files.decrypt(Array(whole.prefix(18 + 4128))) == pattern(4096))
  }

  @Test func headers() throws {
    let whole = try files.encrypt(pattern(100))
    for header in [
      [0, 1] + whole[2..<18], [0, 2] + [UInt8](repeating: 0, count: 16), [1, 2] + whole[2..<18],
    ] {
      let fault = #expect(throws: GocryptfsError.self) { try files.reader(header + whole[18...]) }
      #expect(fault?.code == .tampered && fault?.offset == 0)
    }
  }

  @Test func lengths() {
    for count: Int64 in [0, 1, 4095, 4096, 4097, 1 << 40] {
      let encrypted = BlockFormat.encryptedByteCount(of: count)
      #expect(encrypted.flatMap { BlockFormat.plainByteCount(of: $0) } == count)
    }
    #expect(BlockFormat.encryptedByteCount(of: .max) == nil && BlockFormat.encryptedByteCount(of: -1) == nil)
    #expect(BlockFormat.plainByteCount(of: -1) == nil && BlockFormat.plainByteCount(of: .max) != 0)
  }
}

/// Bytes that come in any order, from several threads.
private final class Collected: @unchecked Sendable {
  private let buffer: UnsafeMutableRawBufferPointer

  init(_ count: Int) { buffer = .allocate(byteCount: count, alignment: 1) }

  deinit { buffer.deallocate() }

  func put(_ bytes: UnsafeRawBufferPointer, _ offset: Int64) {
    UnsafeMutableRawBufferPointer(rebasing: buffer[Int(offset)..<(Int(offset) + bytes.count)]).copyMemory(
      from: bytes)
  }

  var bytes: [UInt8] { Array(buffer) }
}
