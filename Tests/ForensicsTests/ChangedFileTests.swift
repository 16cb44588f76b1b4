import Bytes
import Testing
import TestSupport

@testable import Forensics
@testable import SIF

/// Bytes that a file has lost are missing, not zero.
@Suite struct ChangedFileTests {
  /// Reads from a file that loses its end once a number of bytes were requested.
  private final class ShrinkingStorage: Storage, @unchecked Sendable {
    private let bytes: [UInt8]
    private let rest: Int
    private let limit: Int64

    init(_ bytes: [UInt8], to rest: Int, behind limit: Int64) {
      (self.bytes, self.rest, self.limit) = (bytes, rest, limit)
    }

    private var hasShrunk = false
    private var present: Int { hasShrunk ? rest : bytes.count }

    var byteCount: Int64 { Int64(present) }
    func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
      if offset >= limit { hasShrunk = true }
      let count = max(min(buffer.count, present - Int(offset)), 0)
      buffer.copyBytes(from: bytes[min(Int(offset), bytes.count)...].prefix(count))
      return count
    }
    func nextData(from offset: Int64) throws(StorageFault) -> Int64? {
      offset < Int64(present) ? offset : nil
    }
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
      Issue.record("written to")
    }
    func truncate(to length: Int64) throws(StorageFault) { Issue.record("truncated") }
    func synchronize() throws(StorageFault) {}
  }

  @Test func shrinkingFilesHaveNoHoles() throws {
    let bytes = try MapTests.sound() + [UInt8](repeating: 9, count: 1 << 20)
    for rest in [300_000, 600_001] {
      let map = try ImageMap(of: ShrinkingStorage(bytes, to: rest, behind: 200_000))
      let last = try #require(map.regions.last)
      #expect(last.end == Int64(bytes.count))
      #expect(last.measure.holeBytes == 0)
      #expect(last.measure.unreadableBytes == Int64(bytes.count - rest))
      #expect(last.measure.sha256 == nil)
      let carving = try Carving(of: ShrinkingStorage(bytes, to: rest, behind: 200_000))
      #expect(carving.unreadable.last?.upperBound == Int64(bytes.count))
    }
  }
}
