import ExecutionControl
import Testing

@testable import SIFRuntime

/// Ranges that can be mapped together: the kernel takes no number twice.
@Suite struct RangeMappingTests {
  private func apart(_ ranges: [(UInt32, UInt32)], own: UInt32 = 1000) -> [[UInt32]] {
    RangeMapping.apart(ranges.map { SubordinateIDs.Range(start: $0.0, count: $0.1) }, own: own).map {
      [$0.start, $0.count]
    }
  }

  @Test func overlaps() {
    #expect(apart([(100, 10), (200, 10)]) == [[100, 10], [200, 10]])
    #expect(apart([(100, 10), (105, 10)]) == [[100, 10], [110, 5]])
    #expect(apart([(100, 10), (90, 30)]) == [[100, 10], [90, 10], [110, 10]])
    #expect(apart([(100, 10), (100, 10), (102, 3)]) == [[100, 10]])
    #expect(apart([(990, 20)]) == [[990, 10], [1001, 9]])
    #expect(apart([(1000, 1)]) == [])
  }

  @Test func allNumbersAndTooMany() {
    #expect(apart([(0, UInt32.max)], own: 0) == [[1, UInt32.max - 1]])
    #expect(apart([(0, UInt32.max), (5, 5)], own: 7) == [[0, 7], [8, UInt32.max - 8]])
    let many = (0..<100_000).map { (UInt32($0) * 4 + 5000, UInt32(2)) }
    #expect(apart(many).count == 340)
  }
}
