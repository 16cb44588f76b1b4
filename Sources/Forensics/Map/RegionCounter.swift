import Bytes
import SIF

/// A run of an image's bytes on its way from the reader to the hasher.
struct MapPiece {
  enum Kind {
    /// Bytes that were read into a buffer.
    case bytes
    /// A hole of the file: zeros that are not read.
    case hole
    /// Bytes that could not be read.
    case unreadable
  }

  let kind: Kind
  let count: Int64
}

/// Reads a file in order and determines the kind of each region's content.
final class RegionCounter: @unchecked Sendable {
  private let storage: any Storage
  /// The end of each region.
  private let ends: [Int64]
  /// The offset of the first region in the file; all others count from there.
  private let start: Int64
  private var position: Int64 = 0
  private var region = 0
  private let counts = ByteCounts()
  private var prefix: [UInt8] = []
  private(set) var measures: [RegionMeasure]
  private(set) var failure: SIFError?

  /// The number of bytes to read at once after reading a whole block failed.
  private static let sectorBytes: Int64 = 4096

  /// - Parameters:
  ///   - ends: the end of each region, counted from the beginning of the first.
  ///   - start: the offset of the first region in the file.
  init(_ storage: any Storage, _ ends: [Int64], from start: Int64 = 0) {
    self.storage = storage
    self.ends = ends
    self.start = start
    measures = Array(repeating: RegionMeasure(), count: ends.count)
  }

  /// Reads the next piece into the buffer, and counts it. Nil at the end, and after a failure.
  func next(into buffer: UnsafeMutableRawBufferPointer) -> MapPiece? {
    guard failure == nil, let end = ends.last, position < end else { return nil }
    do throws(StorageFault) {
      let data = min((try storage.nextData(from: start + position)).map { $0 - start } ?? end, end)
      if data > position {
        // The missing bytes of a file that became shorter are unreadable, not zeros.
        let present = min(data, try storage.byteCount - start)
        let kind: MapPiece.Kind = present > position ? .hole : .unreadable
        return take(MapPiece(kind: kind, count: (present > position ? present : end) - position), nil)
      }
      let wanted = min(Int64(buffer.count), end - position)
      guard let count = try read(wanted, buffer) else {
        return take(MapPiece(kind: .unreadable, count: min(wanted, Self.sectorBytes)), nil)
      }
      guard count > 0 else { return take(MapPiece(kind: .unreadable, count: end - position), nil) }
      let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
      return take(MapPiece(kind: .bytes, count: Int64(count)), bytes)
    } catch {
      failure = SIFError(error)
      return nil
    }
  }

  /// Reads at most `wanted` bytes; nil if not even the first few can be read.
  private func read(_ wanted: Int64, _ buffer: UnsafeMutableRawBufferPointer) throws(StorageFault) -> Int? {
    for count in [wanted, min(wanted, Self.sectorBytes)] {
      let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<Int(count)])
      do throws(StorageFault) {
        return try storage.read(into: part, at: start + position)
      } catch {
        guard error.kind == .system else { throw error }
      }
    }
    return nil
  }

  /// Counts a piece for the regions that it belongs to.
  private func take(_ piece: MapPiece, _ bytes: UnsafeRawBufferPointer?) -> MapPiece {
    let first = position
    let end = position + piece.count
    while position < end {
      let part = min(end, ends[region]) - position
      let at = Int(position - first)
      note(piece.kind, part, bytes.map { UnsafeRawBufferPointer(rebasing: $0[at..<at + Int(part)]) })
      position += part
      if position == ends[region] { finishRegion() }
    }
    return piece
  }

  private func note(_ kind: MapPiece.Kind, _ count: Int64, _ bytes: UnsafeRawBufferPointer?) {
    let missing = ContentKind.prefixLength - prefix.count
    if let bytes {
      counts.add(bytes)
      if missing > 0 { prefix += bytes.prefix(missing) }
      return
    }
    if missing > 0 { prefix += repeatElement(0, count: Int(min(Int64(missing), count))) }
    switch kind {
    case .hole:
      counts.add(zeros: count)
      measures[region].holeBytes += count
    case .unreadable, .bytes: measures[region].unreadableBytes += count
    }
  }

  private func finishRegion() {
    measures[region].entropy = counts.entropy
    measures[region].isZero = counts.zeros == counts.total
    measures[region].content = ContentKind.recognize(prefix: prefix, counts)
    counts.reset()
    prefix.removeAll(keepingCapacity: true)
    region += 1
  }
}
