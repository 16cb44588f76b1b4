import Gcrypt
import SIF

/// Hashes the bytes of regions, which come in pieces and in order.
final class RegionHasher {
  private let ends: [Int64]
  private var position: Int64 = 0
  private var region = 0
  private var context: HashContext?
  /// Whether the current region can have a digest.
  private var isHashable = true
  /// The number of bytes of holes that may still be hashed.
  private var holeBudget = ImageMap.longestHashedHoles
  private let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: Measurement.blockBytes, alignment: 64)
  /// The SHA-256 of each region, if it has one.
  private(set) var digests: [[UInt8]?]
  private(set) var failure: SIFError?

  init(_ ends: [Int64]) {
    self.ends = ends
    digests = Array(repeating: nil, count: ends.count)
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
  }

  deinit { zeros.deallocate() }

  /// Hashes the next piece.
  func consume(_ piece: MapPiece, _ buffer: UnsafeMutableRawBufferPointer) {
    let start = position
    let end = position + piece.count
    while position < end {
      let part = min(end, ends[region]) - position
      if isHashable, failure == nil { hash(piece.kind, part, buffer, at: position - start) }
      position += part
      if position == ends[region] { finishRegion() }
    }
  }

  private func hash(
    _ kind: MapPiece.Kind, _ count: Int64, _ buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) {
    do throws(GcryptError) {
      if context == nil { context = try HashContext(.sha256) }
    } catch {
      failure = SIFError(.system, error.description)
    }
    switch kind {
    case .bytes:
      context?.update(UnsafeRawBufferPointer(rebasing: buffer[Int(offset)..<Int(offset + count)]))
    case .hole:
      guard count <= holeBudget else {
        isHashable = false
        return
      }
      holeBudget -= count
      var rest = count
      while rest > 0 {
        let part = Int(min(rest, Int64(zeros.count)))
        context?.update(UnsafeRawBufferPointer(rebasing: zeros[..<part]))
        rest -= Int64(part)
      }
    case .unreadable: isHashable = false
    }
  }

  private func finishRegion() {
    let digest = context.take()?.finalize()
    if isHashable { digests[region] = digest }
    isHashable = true
    region += 1
  }
}
