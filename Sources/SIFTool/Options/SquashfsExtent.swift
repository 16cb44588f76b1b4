import CommandKit
import LUKS
import SIF

/// What is asked of a squashfs before it is encrypted, or after it was decrypted: that all of it is there.
enum SquashfsExtent {
  /// The bytes of the superblock that are needed here.
  static let headByteCount = 48
  static let magic = Array("hsqs".utf8)

  /// Refuses a squashfs that is longer than the bytes that there are.
  ///
  /// - Parameters:
  ///   - head: its first ``headByteCount`` bytes, with the magic; fewer where there are no more.
  ///   - present: the bytes that there are.
  /// - Throws: ``ToolFailure``.
  static func check(_ head: [UInt8], present: Int64) throws {
    guard head.count >= headByteCount else {
      throw truncated("the squashfs is truncated: \(present) bytes present, and its superblock has 96")
    }
    let used = head[40..<48].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard used <= UInt64(clamping: present) else {
      throw truncated("the squashfs is truncated: \(present) of \(used) bytes present")
    }
  }

  /// What is wrong with a volume that ends inside of a sector; nil where it does not.
  static func cut(_ header: VolumeHeader) -> ToolFailure? {
    guard header.trailingByteCount > 0 else { return nil }
    return truncated(
      "the volume is truncated: it ends inside of a sector, of which \(header.trailingByteCount) of "
        + "\(header.facts.sectorSize) bytes are present")
  }

  private static func truncated(_ message: String) -> ToolFailure {
    ToolFailure(.malformed, code: "truncated", message)
  }
}
