import Gcrypt

/// One of several equal parts of the files beneath the directories of a scan. Only a file's path from there
/// decides its part (spec/timeline.md, "Shards").
public struct Shard: Sendable, Equatable {
  /// The number of the part, from 1.
  public let number: Int
  /// The number of parts.
  public let count: Int

  /// Everything.
  public static let whole = Shard(unchecked: 1, of: 1)

  /// The most parts.
  public static let most = 1_000_000

  private init(unchecked number: Int, of count: Int) {
    self.number = number
    self.count = count
  }

  /// A part; nil unless its number is between 1 and the count.
  public init?(_ number: Int, of count: Int) {
    guard (1...Self.most).contains(count), (1...count).contains(number) else { return nil }
    self.init(unchecked: number, of: count)
  }

  /// Reads `number/count`.
  public init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ $0.utf8.allSatisfy { (0x30...0x39).contains($0) } }),
      let number = Int(parts[0]), let count = Int(parts[1])
    else { return nil }
    self.init(number, of: count)
  }

  /// Whether a path belongs to the part. The first eight bytes of its SHA-256, as a big-endian number, modulo
  /// the count, select the part; a remainder of 0 is the first.
  public func contains(_ relativePath: [UInt8]) -> Bool {
    guard count > 1, let digest = try? HashContext.digest(.sha256, relativePath.span.bytes) else {
      return true
    }
    let value = digest.prefix(8).reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return value % UInt64(count) == UInt64(number - 1)
  }
}
