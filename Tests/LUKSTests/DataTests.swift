import Gcrypt
import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import LUKS

/// The data of a volume: any range, any length, any thread.
@Suite struct DataTests {
  private func reader(_ volume: [UInt8]) throws -> VolumeReader {
    let source = MemoryVolume(volume)
    let header = try VolumeHeader(checking: source)
    return try VolumeReader(
      source, header, key: try header.unlock(Array("secret".utf8).span, in: source).key)
  }

  private static func read(_ reader: VolumeReader, _ offset: Int, _ count: Int) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let done = try bytes.withUnsafeMutableBytes { try reader.read(into: $0, at: Int64(offset)) }
    return Array(bytes.prefix(done))
  }

  @Test(arguments: [512, 1024, 2048, 4096]) func anyRange(sectorSize: Int) throws {
    let payload = Volumes.payload(700_000, seed: 3)
    let made = try Volumes.make(payload, FormatOptions(sectorSize: sectorSize, kdf: .cheap))
    #expect((made.count - (1 << 20)) % sectorSize == 0)
    let reader = try reader(made)
    #expect(reader.byteCount == 700_000)
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    for _ in 0..<200 {
      let offset = Int.random(in: 0...700_100, using: &random)
      let count = [0, 1, 7, 512, 4096, 4097, 100_000, 600_000].randomElement(using: &random) ?? 1
      let expected = Array(payload.dropFirst(offset).prefix(count))
      #expect(try Self.read(reader, offset, count) == expected, "seed \(seed): \(count) at \(offset)")
    }
    // From several threads at once.
    let wrong = Mutex(0)
    DispatchThreads.run(4) { lane in
      for index in 0..<50 {
        let offset = (index * 13_777 + lane * 5_003) % 690_000
        let bytes = try? Self.read(reader, offset, 9000)
        if bytes != Array(payload[offset..<min(offset + 9000, 700_000)]) { wrong.withLock { $0 += 1 } }
      }
    }
    #expect(wrong.withLock { $0 } == 0)
  }

  /// A payload that is no whole number of sectors comes back as it was, and cryptsetup takes the volume.
  @Test(arguments: [0, 1, 511, 512, 4095, 4096, 4097]) func oddLengths(count: Int) throws {
    let payload = Volumes.payload(count, seed: 4)
    for sectorSize in [512, 4096] {
      let made = try Volumes.make(payload, FormatOptions(sectorSize: sectorSize, kdf: .cheap))
      #expect(try Volumes.open(made) == payload)
      let tokens = try VolumeHeader(checking: MemoryVolume(made)).facts.tokens
      #expect(tokens == (count % sectorSize == 0 ? [] : ["sif-payload"]))
      let directory = try Scratch()
      let path = try directory.write("volume", made)
      #expect(try Volumes.cryptsetup("open", "--test-passphrase", "--key-file", "-", path).status == 0)
    }
  }

  /// The writer that packing uses: in pieces, in any order, and again over what was written.
  @Test(arguments: [512, 4096]) func writesAnywhere(sectorSize: Int) throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let one: [UInt8] = [1]
    let volume = try NewVolume(
      FormatOptions(sectorSize: sectorSize, kdf: .cheap), payloadByteCount: 0, key: one.span)
    let target = MemoryVolume()
    try volume.writeHeader(to: target)
    let writer = try VolumeWriter(volume, to: target)
    var expected: [UInt8] = []
    for index in 0..<120 {
      let offset = Int.random(in: 0...(expected.count + (index % 10 == 0 ? 300_000 : 3)), using: &random)
      let count = [0, 1, 96, 512, 4096, 5000, 300_000].randomElement(using: &random) ?? 1
      let bytes = Volumes.payload(count, seed: UInt64(index))
      if count > 0, expected.count < offset + count {
        expected += [UInt8](repeating: 0, count: offset + count - expected.count)
      }
      if count > 0 { expected.replaceSubrange(offset..<offset + count, with: bytes) }
      try bytes.withUnsafeBytes { try writer.write($0, at: Int64(offset)) }
    }
    let header = try VolumeHeader(checking: target)
    let read = try Volumes.read(VolumeReader(target, header, key: volume.key))
    #expect(read.prefix(expected.count).elementsEqual(expected), "seed \(seed)")
    #expect(read.dropFirst(expected.count).allSatisfy { $0 == 0 }, "seed \(seed)")
  }

  @Test func aFullDisk() throws {
    let one: [UInt8] = [1]
    let volume = try NewVolume(FormatOptions(kdf: .cheap), payloadByteCount: 8 << 20, key: one.span)
    do throws(LUKSError) {
      try volume.encryptAll(
        MemoryVolume(Volumes.payload(8 << 20)), to: MemoryVolume(limit: 5 << 20), threads: 2)
      Issue.record("nothing failed")
    } catch { #expect(error.code == .system && error.errno == ENOSPC) }
  }

  @Test func wrongPassphrase() throws {
    do throws(LUKSError) {
      let source = MemoryVolume(ForgedHeader.volume)
      _ = try VolumeHeader(checking: source).unlock(Array("wrong".utf8).span, in: source)
      Issue.record("it opened")
    } catch { #expect(error.code == .wrongKey) }
    #expect(throws: LUKSError.self) {
      try Volumes.make([1], FormatOptions(kdf: .cheap), passphrase: "")
    }
  }

  /// One volume with the default costs.
  @Test func defaultCosts() throws {
    let made = try Volumes.make([1, 2, 3], FormatOptions())
    let header = try VolumeHeader(checking: MemoryVolume(made))
    #expect(header.cost.memory == 64 << 20 && header.facts.keySlots.map(\.kdf) == ["argon2id"])
    #expect(try Volumes.open(made) == [1, 2, 3])
  }
}

/// Threads for a test.
private enum DispatchThreads {
  static func run(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    Workers.forEach(count, threads: count, body)
  }
}
