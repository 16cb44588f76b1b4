/// A fixed buffer of raw memory with one owner.
struct RawBuffer: ~Copyable {
  let start: UnsafeMutableRawPointer
  let count: Int

  init(count: Int) {
    start = UnsafeMutableRawPointer.allocate(byteCount: max(count, 1), alignment: 64)
    self.count = count
  }

  deinit { start.deallocate() }

  var bytes: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(start: start, count: count) }
}
