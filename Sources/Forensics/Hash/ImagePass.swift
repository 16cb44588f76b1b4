import Bytes
public import Gcrypt
import LinuxSystem
public import SIF
import Squash

/// The digests of many ranges of a file in one pass: every byte is read once, and hashed by as many threads
/// as there are lists of ranges. Holes are hashed as zeros without being read.
public struct ImagePass {
  /// The digests of each list's ranges, in the order of the ranges.
  public let digests: [[[UInt8]]]
  /// The number of bytes in holes of the file, which were not read.
  public let holeBytes: Int64

  /// The most ranges over one place that are hashed at the same time: each needs a digest's state.
  private static let mostOverlaps = 64

  /// Hashes the ranges.
  ///
  /// - Parameters:
  ///   - lists: lists of ranges inside the file; each list is hashed by its own thread.
  ///   - budget: pays for every byte that is hashed.
  ///   - progress: called with numbers of bytes as they are read.
  public init(
    _ storage: any Storage, _ lists: [[Range<Int64>]], _ algorithm: HashAlgorithm,
    budget: inout HashBudget, progress: (Int64) -> Void = { _ in }
  ) throws(HashError) {
    // The digest of a repeated range is computed once.
    let places = lists.map { list in
      var places: [Range<Int64>: Int] = [:]
      return list.map { range in
        let place = places[range] ?? places.count
        places[range] = place
        return place
      }
    }
    let wanted = lists
    let lists = zip(lists, places).map { list, places in
      var distinct: [Range<Int64>] = []
      for (range, place) in zip(list, places) where place == distinct.count { distinct.append(range) }
      return distinct
    }
    for list in lists { try budget.spend(list) }
    var digests = lists.map { [[UInt8]](repeating: [], count: $0.count) }
    // Every pass takes the ranges in the order of their offsets.
    var left = lists.map { list in
      list.indices.sorted { (list[$0].lowerBound, $0) < (list[$1].lowerBound, $1) }
    }
    var holeBytes: Int64 = 0
    // A second pass is needed only if very many objects overlap.
    repeat {
      var chosen: [[Int]] = []
      for index in lists.indices {
        let (now, later) = Self.split(left[index], lists[index])
        chosen.append(now)
        left[index] = later
      }
      let parts = zip(lists, chosen).map { list, numbers in numbers.map { list[$0] } }
      let consumers = try parts.map { (part) throws(HashError) in try RangeDigests(part, algorithm) }
      let busy = consumers.indices.filter { !parts[$0].isEmpty }.map { consumers[$0] }
      holeBytes += try Self.run(storage, Self.union(parts.flatMap { $0 }), busy, progress)
      for (index, numbers) in chosen.enumerated() {
        for (number, digest) in zip(numbers, consumers[index].digests) { digests[index][number] = digest }
      }
    } while left.contains { !$0.isEmpty }
    self.digests = wanted.indices.map { index in places[index].map { digests[index][$0] } }
    self.holeBytes = holeBytes
  }

  /// The ranges for one pass, and those left for the next.
  private static func split(_ numbers: [Int], _ ranges: [Range<Int64>]) -> (now: [Int], later: [Int]) {
    var (now, later): ([Int], [Int]) = ([], [])
    var ends: [Int64] = []
    var firstEnd = Int64.max
    for number in numbers {
      if firstEnd <= ranges[number].lowerBound {
        ends.removeAll { $0 <= ranges[number].lowerBound }
        firstEnd = ends.min() ?? Int64.max
      }
      if ends.count < mostOverlaps {
        ends.append(ranges[number].upperBound)
        firstEnd = min(firstEnd, ranges[number].upperBound)
        now.append(number)
      } else {
        later.append(number)
      }
    }
    return (now, later)
  }

  /// The stretches of the file that any range covers, in order.
  private static func union(_ ranges: [Range<Int64>]) -> [Range<Int64>] {
    var union: [Range<Int64>] = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where !range.isEmpty {
      if let last = union.last, last.upperBound >= range.lowerBound {
        union[union.count - 1] = last.lowerBound..<max(last.upperBound, range.upperBound)
      } else {
        union.append(range)
      }
    }
    return union
  }

  /// Reads the ranges and gives every stretch to every consumer; the first consumer runs in this thread, the
  /// others in threads of their own. Returns the number of bytes in holes.
  private static func run(
    _ storage: any Storage, _ ranges: [Range<Int64>], _ consumers: [RangeDigests],
    _ progress: (Int64) -> Void
  ) throws(HashError) -> Int64 {
    guard let first = consumers.first else { return 0 }
    let others = Array(consumers.dropFirst())
    let ring = StretchRing(others)
    var threads: [Thread] = []
    do throws(SystemError) {
      for index in others.indices { threads.append(try Thread { ring.consume(index) }) }
    } catch {
      ring.close()
      for thread in threads { thread.join() }
      throw HashError(.system, error.description)
    }
    var holeBytes: Int64 = 0
    var failure: HashError?
    do throws(HashError) {
      for range in ranges { holeBytes += try feed(ring, first, storage, range, progress) }
    } catch { failure = error }
    ring.close()
    for thread in threads { thread.join() }
    if let failure = failure ?? consumers.compactMap(\.failure).first { throw failure }
    return holeBytes
  }

  private static func feed(
    _ ring: StretchRing, _ first: RangeDigests, _ storage: any Storage, _ range: Range<Int64>,
    _ progress: (Int64) -> Void
  ) throws(HashError) -> Int64 {
    var holeBytes: Int64 = 0
    var position = range.lowerBound
    while position < range.upperBound {
      do throws(StorageFault) {
        let data = min(try storage.nextData(from: position) ?? range.upperBound, range.upperBound)
        if data > position {
          // There is no data beyond the end of a file that became shorter, either.
          let end = min(data, try storage.byteCount)
          guard end > position else { throw Self.shortened(at: position) }
          let count = min(end - position, StretchRing.longestHole)
          let hole = Stretch(offset: position, count: count, bytes: nil)
          ring.publish(hole)
          first.take(hole)
          holeBytes += count
          position += count
          progress(count)
          continue
        }
        let buffer = ring.nextBuffer()
        let wanted = Int(min(Int64(buffer.count), range.upperBound - position))
        let part = UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted])
        let count = try storage.read(into: part, at: position)
        guard count > 0 else { throw Self.shortened(at: position) }
        let stretch = Stretch(
          offset: position, count: Int64(count), bytes: UnsafeRawBufferPointer(rebasing: part[..<count]))
        ring.publish(stretch)
        first.take(stretch)
        position += Int64(count)
        progress(Int64(count))
      } catch { throw HashError(SIFError(error)) }
    }
    return holeBytes
  }

  private static func shortened(at position: Int64) -> StorageFault {
    StorageFault(.truncated, "the file ended while it was being read", offset: position)
  }
}

/// A few buffers between one reader and the consumers, each of which takes every stretch in order.
private final class StretchRing: @unchecked Sendable {
  /// Holes are handed on in pieces, so that they can be stopped and counted.
  static let longestHole: Int64 = 64 << 20
  private static let slots = 16
  private static let bufferBytes = 256 << 10

  private let monitor = Monitor()
  private let buffers = UnsafeMutableRawBufferPointer.allocate(
    byteCount: slots * bufferBytes, alignment: 4096)
  private let consumers: [RangeDigests]
  private var stretches: [Stretch]
  private var published = 0
  private var consumed: [Int]
  private var isClosed = false

  init(_ consumers: [RangeDigests]) {
    self.consumers = consumers
    stretches = Array(repeating: Stretch(offset: 0, count: 0, bytes: nil), count: Self.slots)
    consumed = Array(repeating: 0, count: consumers.count)
  }

  deinit { buffers.deallocate() }

  /// The buffer for the next stretch, once every consumer is done with it.
  func nextBuffer() -> UnsafeMutableRawBufferPointer {
    waitForSlot()
    let start = published % Self.slots * Self.bufferBytes
    return UnsafeMutableRawBufferPointer(rebasing: buffers[start..<start + Self.bufferBytes])
  }

  private func waitForSlot() {
    monitor.lock()
    while published - (consumed.min() ?? published) >= Self.slots { monitor.wait(for: .space) }
    monitor.unlock()
  }

  func publish(_ stretch: Stretch) {
    waitForSlot()
    monitor.lock()
    stretches[published % Self.slots] = stretch
    published += 1
    monitor.broadcast(.work)
    monitor.unlock()
  }

  /// Ends publishing; the consumers end once they have taken everything.
  func close() {
    monitor.lock()
    isClosed = true
    monitor.broadcast(.work)
    monitor.unlock()
  }

  /// Gives every stretch to a consumer, until the ring is closed.
  func consume(_ index: Int) {
    while let stretch = next(index) {
      consumers[index].take(stretch)
      monitor.lock()
      consumed[index] += 1
      monitor.signal(.space)
      monitor.unlock()
    }
  }

  private func next(_ index: Int) -> Stretch? {
    monitor.lock()
    defer { monitor.unlock() }
    while consumed[index] == published, !isClosed { monitor.wait(for: .work) }
    return consumed[index] == published ? nil : stretches[consumed[index] % Self.slots]
  }
}
