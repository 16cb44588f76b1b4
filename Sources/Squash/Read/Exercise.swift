import Bytes

/// Reads everything that an image offers, within bounds: the tree, all attributes, and content.
///
/// For any bytes, this ends, in bounded memory, and never traps. Mutation tests and fuzzers call it.
///
/// - Parameter events: the most entries and faults to read.
/// - Returns: the number of entries and faults, and a sum over everything that was read.
@discardableResult
public func exerciseSquashfs(
  _ reader: any RandomAccess, events mostEvents: Int = 10_000
) throws(SquashError) -> (entries: Int, faults: Int, checksum: UInt64) {
  let longestFile: Int64 = 4 << 20
  let image = try SquashImage(reader)
  let squash = try SquashReader(image)
  var walker = try TreeWalker(squash)
  var (entries, faults, checksum) = (0, 0, UInt64(0))
  while entries + faults < mostEvents, let event = try walker.next() {
    switch event {
    case .endOfDirectory, .name: break
    case .fault: faults += 1
    case .entry(let entry):
      entries += 1
      do throws(SquashError) {
        for attribute in try squash.extendedAttributes(of: entry.inode) {
          checksum &+= UInt64(attribute.value.count)
        }
        if let layout = entry.inode.layout, layout.size <= longestFile {
          try squash.read(layout) { (_, bytes) throws(SquashError) in
            checksum = checksum &* 31 &+ UInt64(bytes.first ?? 0) &+ UInt64(bytes.last ?? 0)
          }
        }
        _ = try squash.lookup(entry.path)
      } catch { faults += 1 }
    }
  }
  return (entries, faults, checksum)
}
