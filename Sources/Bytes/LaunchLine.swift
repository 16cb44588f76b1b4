/// The line with which an image of Singularity 2 begins, so that it can be executed: `#!/usr/bin/env run-singularity`.
/// The file system follows (spec/runtime.md "What can be run").
package enum LaunchLine {
  /// The most bytes that the line has.
  package static let longest = 2048

  private static let end = Array(" run-singularity\n".utf8)

  /// The length of the line with its end; 0 if a file does not begin with one.
  ///
  /// - Parameter head: the first ``longest`` bytes of the file, or all of a shorter one.
  package static func byteCount(of head: [UInt8]) -> Int {
    guard head.starts(with: [0x23, 0x21]), let last = head.prefix(longest).firstIndex(of: 0x0A) else {
      return 0
    }
    return head[...last].suffix(end.count).elementsEqual(end) ? last + 1 : 0
  }
}
