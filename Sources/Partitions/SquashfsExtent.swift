import Bytes
import LUKS

/// What is asked of a squashfs before it is encrypted, and after it was decrypted: that all of it is there.
enum SquashfsExtent {
  /// Refuses a squashfs that is longer than the bytes that there are.
  ///
  /// - Parameters:
  ///   - head: its superblock, with the magic; fewer bytes where there are no more.
  ///   - present: how many bytes there are.
  static func check(_ head: [UInt8], present: Int64) throws(PartitionError) {
    // The length ends at byte 48.
    guard head.count >= 48 else {
      throw truncated("the squashfs is truncated: \(present) bytes present, and its superblock has 96")
    }
    let used = SquashfsSuperblock(decoding: head.span.bytes).bytesUsed
    guard used <= UInt64(clamping: present) else {
      throw truncated("the squashfs is truncated: \(present) of \(used) bytes present")
    }
  }

  /// The fault of a volume that ends inside a sector; nil for a whole one.
  static func cut(_ header: VolumeHeader) -> PartitionError? {
    guard header.trailingByteCount > 0 else { return nil }
    return truncated(
      "the volume is truncated: it ends inside of a sector, of which \(header.trailingByteCount) of "
        + "\(header.facts.sectorSize) bytes are present")
  }

  private static func truncated(_ message: String) -> PartitionError { PartitionError(.truncated, message) }
}
