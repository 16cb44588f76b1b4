import Forensics
import Gcrypt

/// A list of digests. Each of its names must be found unchanged, and then no name may be left.
@Sendable func fuzzHashList(_ bytes: [UInt8]) {
  for algorithm in [HashAlgorithm.sha256, .md5] {
    guard var earlier = try? EarlierHashes(bytes, algorithm: algorithm) else { continue }
    for (name, digest) in earlier.missing {
      // A line that is written must be read as the same.
      let line = HashList.line(digest, name)
      var again = try? EarlierHashes(line, algorithm: algorithm)
      if again?.meet(name, digest).change != .same { fatalError("the line changed") }
      if earlier.meet(name, digest).change != .same { fatalError("a name was not met") }
    }
    if !earlier.missing.isEmpty { fatalError("names are left") }
  }
}

/// A file of records. The result must not depend on the length of the pieces.
@Sendable func fuzzScanRecords(_ bytes: [UInt8]) {
  func take(_ count: Int) -> RecordedImages? {
    var recorded = RecordedImages(policy: "")
    for start in stride(from: 0, to: bytes.count, by: count) {
      guard (try? recorded.take(bytes[start..<min(start + count, bytes.count)])) != nil else { return nil }
    }
    return recorded
  }
  let whole = take(max(bytes.count, 1))
  let pieces = take(3)
  if whole?.count != pieces?.count || whole?.wholeBytes != pieces?.wholeBytes {
    fatalError("the length of the pieces makes a difference")
  }
  if let whole, whole.wholeBytes > Int64(bytes.count) { fatalError("more lines than bytes") }
}
