/// A run of a file's bytes that the image stores uncompressed.
public struct StoredRun: Hashable, Sendable {
  /// The offset of the run in the file.
  public var fileOffset: Int64
  /// The offset of the run in the file system's image.
  public var imageOffset: Int64
  /// The length of the run in bytes.
  public var byteCount: Int64
}

extension SquashReader {
  /// The places of a file's bytes in the image, in the order of the file, without holes.
  ///
  /// - Parameter limit: the most runs to return.
  /// - Returns: nil if any of them are compressed, or if there are more runs than the limit.
  public func storedRuns(of layout: FileLayout, limit: Int) throws(SquashError) -> [StoredRun]? {
    let blockSize = Int64(image.superblock.blockSize)
    var runs: [StoredRun] = []
    func add(_ run: StoredRun) -> Bool {
      if let last = runs.last, last.fileOffset + last.byteCount == run.fileOffset,
        last.imageOffset + last.byteCount == run.imageOffset
      {
        runs[runs.count - 1].byteCount += run.byteCount
      } else {
        runs.append(run)
      }
      return runs.count <= limit
    }
    var list = BlockListCursor(layout)
    while let part = try list.next(self, count: Self.runLength) {
      var (start, offset) = (part.start, part.fileOffset)
      for word in part.words {
        let count = Int64(word & 0xFF_FFFF)
        if word != 0 {
          guard word & 1 << 24 != 0, count == min(blockSize, layout.size - offset),
            add(StoredRun(fileOffset: offset, imageOffset: start, byteCount: count))
          else { return nil }
        }
        start += count
        offset += blockSize
      }
    }
    let tail = layout.size % blockSize
    guard let fragment = layout.fragment, tail > 0 else { return runs }
    let (start, word) = try fragmentBlock(fragment)
    guard word & 1 << 24 != 0, Int64(layout.fragmentOffset) + tail <= Int64(word & 0xFF_FFFF),
      add(
        StoredRun(
          fileOffset: layout.size - tail, imageOffset: start + Int64(layout.fragmentOffset), byteCount: tail))
    else { return nil }
    return runs
  }
}
