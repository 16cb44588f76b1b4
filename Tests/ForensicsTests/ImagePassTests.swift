import Bytes
import Gcrypt
import SIF
import Squash
import Testing
import TestSupport

@testable import Forensics

@Suite struct ImagePassTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  private static func sha256(_ bytes: some Collection<UInt8>) throws -> [UInt8] {
    try HashContext.digest(.sha256, Array(bytes).span.bytes)
  }

  private static let budget = HashBudget(limit: 1 << 40)

  @Test func rangesThatNoFileHas() throws {
    var budget = Self.budget
    for range in [Int64.min..<Int64.max, -1..<1] {
      let error = #expect(throws: HashError.self) {
        try ImagePass(MemoryStorage([1, 2]), [[range]], .sha256, budget: &budget)
      }
      #expect(error?.code == .invalidArgument && error?.kind == .argument)
    }
  }

  /// Any ranges have the digests of their bytes, and the file is read once.
  @Test func rangesInOnePass() throws {
    let seed = UInt64.random(in: 0...UInt64.max)
    var random = SeededRandom(seed: seed)
    let bytes = (0..<1_500_000).map { _ in UInt8.random(in: 0...255, using: &random) }
    let storage = CountingStorage(bytes)
    // More ranges at one place than one pass takes, and every border of the blocks.
    var ranges: [Range<Int64>] = [0..<0, 0..<1, 0..<1_500_000, 262_143..<262_145, 262_144..<524_288]
    for _ in 0..<40 {
      let start = Int64.random(in: 0..<1_500_000, using: &random)
      ranges.append(start..<Int64.random(in: start...1_500_000, using: &random))
    }
    var budget = Self.budget
    let whole = [Int64(0)..<1_500_000]
    let pass = try ImagePass(storage, [whole, ranges], .sha256, budget: &budget)
    #expect(pass.digests[0] == [try Self.sha256(bytes)])
    for (range, digest) in zip(ranges, pass.digests[1]) {
      let part = bytes[Int(range.lowerBound)..<Int(range.upperBound)]
      #expect(digest == (try Self.sha256(part)), "seed \(seed), \(range)")
    }
    #expect(storage.bytesRead == 1_500_000 && pass.holeBytes == 0, "seed \(seed)")
    #expect(budget.spent == ranges.reduce(1_500_000) { $0 + $1.upperBound - $1.lowerBound })
  }

  /// Any number of objects over the same bytes takes more passes, but not more memory.
  @Test func manyOverlaps() throws {
    let bytes = [UInt8](repeating: 7, count: 1000)
    let ranges = (0..<300).map { Int64($0)..<Int64(1000 - $0) }
    var budget = Self.budget
    let pass = try ImagePass(CountingStorage(bytes), [ranges], .sha256, budget: &budget)
    for (range, digest) in zip(ranges, pass.digests[0]) {
      #expect(digest == (try Self.sha256(bytes[Int(range.lowerBound)..<Int(range.upperBound)])))
    }
    var small = HashBudget(limit: 100_000)
    #expect { try ImagePass(CountingStorage(bytes), [ranges], .sha256, budget: &small) } throws: {
      ($0 as? HashError)?.code == .tooMuch
    }
  }

  /// A hundred thousand objects, overlapping or side by side, take little memory and hardly any time.
  @Test func veryMany() throws {
    let bytes = [UInt8](repeating: 7, count: 200_000)
    let apart = (0..<100_000).map { Int64($0)..<Int64($0 + 1) }
    let stacked = (0..<20_000).map { Int64(5)..<Int64(6 + $0 % 3) }
    for ranges in [apart, stacked] {
      var budget = Self.budget
      let pass = try ImagePass(CountingStorage(bytes), [ranges], .sha256, budget: &budget)
      for index in stride(from: 0, to: ranges.count, by: 997) {
        let part = bytes[Int(ranges[index].lowerBound)..<Int(ranges[index].upperBound)]
        #expect(pass.digests[0][index] == (try Self.sha256(part)))
      }
    }
  }

  @Test func holesAreNotRead() throws {
    let path = directory.file("sparse")
    try Tool.check(
      [
        "sh", "-c",
        "printf head > \(path); truncate -s 300M \(path); printf tail >> \(path); truncate -s 700M \(path)",
      ])
    var budget = Self.budget
    let storage = try EvidenceStorage(opening: .init(path))
    let size = try storage.byteCount
    let pass = try ImagePass(storage, [[0..<size]], .sha256, budget: &budget)
    let expected = try Tool.check(["sha256sum", path]).text.prefix(64)
    #expect(pass.digests[0][0].hexadecimal == expected)
    #expect(pass.holeBytes > 690 << 20)
    #expect(try storage.bytesOnDisk() < 1 << 20)
  }

  @Test func whatIsLeftOfAFileThatShrank() throws {
    var budget = Self.budget
    #expect {
      try ImagePass(CountingStorage([1, 2, 3]), [[0..<10]], .sha256, budget: &budget)
    } throws: {
      ($0 as? HashError)?.code == .truncated
    }
  }
}

/// Storage that counts the bytes that are read.
final class CountingStorage: Storage {
  private let memory: MemoryStorage
  private let count = MutexBox()

  init(_ bytes: [UInt8]) { memory = MemoryStorage(bytes) }

  var bytesRead: Int { count.value }

  var byteCount: Int64 { memory.byteCount }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    let done = memory.read(into: buffer, at: offset)
    count.add(done)
    return done
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    throw StorageFault(.invalidArgument, "no")
  }
  func truncate(to length: Int64) throws(StorageFault) { throw StorageFault(.invalidArgument, "no") }
  func synchronize() {}
}
