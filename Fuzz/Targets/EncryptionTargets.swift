import Gcrypt
import LUKS

/// A volume with a given header; the rest is zero.
private struct FuzzVolume: VolumeSource {
  let bytes: [UInt8]
  let byteCount: Int64 = 2 << 20

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int {
    guard offset >= 0, offset < byteCount else { return 0 }
    let count = Int(min(Int64(buffer.count), byteCount - offset))
    let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<count])
    part.initializeMemory(as: UInt8.self, repeating: 0)
    if offset < bytes.count { part.copyBytes(from: bytes[Int(offset)...].prefix(count)) }
    return count
  }
}

/// The checks of a LUKS header, and then libcryptsetup: first on the bytes themselves, and then on the bytes
/// as the JSON of a header with a correct checksum.
@Sendable func fuzzVolumeHeader(_ bytes: [UInt8]) {
  exercise(FuzzVolume(bytes: bytes))
  if let sealed = seal(bytes) { exercise(FuzzVolume(bytes: sealed)) }
}

private func exercise(_ volume: FuzzVolume) {
  guard let header = try? VolumeHeader(checking: volume, allowsAnyCipher: true) else { return }
  if header.payloadByteCount > header.dataByteCount || header.dataByteCount > volume.byteCount {
    fatalError("more data than there is volume")
  }
  _ = (header.cost.description, try? header.cost.check())
  // Expensive headers are not opened.
  guard header.cost.iterations < 5000, header.cost.memoryPasses < 1 << 20, header.cost.lanes < 5,
    header.facts.keySlots.count < 4
  else { return }
  let key: [UInt8] = [1, 2, 3]
  let opened: VolumeHeader.Unlocked
  do throws(LUKSError) { opened = try header.unlock(key.span, in: volume) } catch {
    // libcryptsetup must accept every header that our checks accept.
    if error.message.contains("cannot read the header") { fatalError(error.message) }
    return
  }
  guard let reader = try? VolumeReader(volume, header, key: opened.key) else { return }
  var buffer = [UInt8](repeating: 0, count: 10_000)
  _ = try? buffer.withUnsafeMutableBytes { try reader.read(into: $0, at: 100) }
}

/// Makes a LUKS2 header around a JSON text.
private func seal(_ json: [UInt8]) -> [UInt8]? {
  var copy = [UInt8](repeating: 0, count: 16384)
  copy.replaceSubrange(0..<8, with: [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE, 0, 2])
  copy.replaceSubrange(14..<16, with: [0x40, 0x00])
  copy[23] = 3
  copy.replaceSubrange(72..<78, with: Array("sha256".utf8))
  let text = json.prefix(12287)
  copy.replaceSubrange(4096..<4096 + text.count, with: text)
  guard let digest = try? HashContext.digest(.sha256, copy.span.bytes) else { return nil }
  copy.replaceSubrange(448..<480, with: digest)
  return copy
}
