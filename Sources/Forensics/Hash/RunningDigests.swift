import Gcrypt
import LinuxSystem

/// A running digest in a box, since collections cannot hold noncopyable values.
final class RunningDigest {
  private var context: HashContext?

  init(_ algorithm: HashAlgorithm) throws(HashError) {
    do { context = try HashContext(algorithm) } catch { throw HashError(error) }
  }

  func update(_ bytes: UnsafeRawBufferPointer) { context?.update(bytes) }

  /// Adds zeros.
  func update(zeros count: Int64) {
    var left = count
    while left > 0 {
      let part = Int(min(left, Int64(Zeros.bytes.count)))
      update(UnsafeRawBufferPointer(rebasing: Zeros.bytes[..<part]))
      left -= Int64(part)
    }
  }

  func digest() -> [UInt8] { context.take()?.finalize() ?? [] }
}

/// A stretch of a file: its bytes, or zeros of a hole.
struct Stretch {
  var offset: Int64
  var count: Int64
  /// Nil for a hole.
  var bytes: UnsafeRawBufferPointer?
}

/// The digests of ranges of a file that is read once, from front to back.
final class RangeDigests {
  private let ranges: [Range<Int64>]
  private let algorithm: HashAlgorithm
  /// The numbers of the ranges by offset, and how many have been begun.
  private let order: [Int]
  private var begun = 0
  private var active: [(number: Int, digest: RunningDigest)] = []
  private(set) var digests: [[UInt8]]
  private(set) var failure: HashError?

  init(_ ranges: [Range<Int64>], _ algorithm: HashAlgorithm) throws(HashError) {
    self.ranges = ranges
    self.algorithm = algorithm
    order = ranges.indices.sorted { (ranges[$0].lowerBound, $0) < (ranges[$1].lowerBound, $1) }
    let empty = try RunningDigest(algorithm).digest()
    digests = Array(repeating: empty, count: ranges.count)
  }

  /// Takes the next stretch. Stretches inside a range have to come in order and without gaps.
  func take(_ stretch: Stretch) {
    guard failure == nil else { return }
    let end = stretch.offset + stretch.count
    active.removeAll { number, digest in finishes(number, digest, stretch, end) }
    do throws(HashError) {
      // One after another, since very many may begin and end in one stretch.
      while begun < order.count, ranges[order[begun]].lowerBound < end {
        let number = order[begun]
        begun += 1
        if ranges[number].isEmpty { continue }
        let digest = try RunningDigest(algorithm)
        if !finishes(number, digest, stretch, end) { active.append((number, digest)) }
      }
    } catch { failure = error }
  }

  /// Adds the range's bytes in a stretch to its digest; returns whether the range is complete.
  private func finishes(_ number: Int, _ digest: RunningDigest, _ stretch: Stretch, _ end: Int64) -> Bool {
    let range = ranges[number]
    let (from, to) = (max(range.lowerBound, stretch.offset), min(range.upperBound, end))
    if from < to {
      if let bytes = stretch.bytes {
        let part = bytes[Int(from - stretch.offset)..<Int(to - stretch.offset)]
        digest.update(UnsafeRawBufferPointer(rebasing: part))
      } else {
        digest.update(zeros: to - from)
      }
    }
    guard range.upperBound <= end else { return false }
    digests[number] = digest.digest()
    return true
  }
}
