import Bytes
import LUKS

/// Checks that a squashfs is complete, before it is encrypted and after it was decrypted.
enum SquashfsExtent {
  /// Refuses a squashfs that is longer than its present bytes.
  ///
  /// - Parameters:
  ///   - head: its superblock, with the magic; shorter if there are not so many bytes.
  ///   - present: the number of present bytes.
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
      "the volume is truncated: it ends inside a sector, of which \(header.trailingByteCount) of "
        + "\(header.facts.sectorSize) bytes are present")
  }

  private static func truncated(_ message: String) -> PartitionError { PartitionError(.truncated, message) }
}
