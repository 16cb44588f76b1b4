import Gcrypt
import SIF

/// Why hashing ended before it was done.
public struct HashError: Error, Equatable, Sendable, CustomStringConvertible {
  /// What kind of reason. Raw values are stable: scripts may compare them.
  public enum Code: String, Sendable {
    /// More bytes would have to be hashed than the caller allows.
    case tooMuch = "too-much"
    /// The file ended while it was being read.
    case truncated
    /// A list of digests that cannot be read.
    case list
    /// The operating system refused.
    case system
    /// libgcrypt lacks or forbids the algorithm.
    case library
  }

  /// What kind of reason.
  public let code: Code
  /// One sentence without a final stop.
  public let description: String
  /// Where in the file or the list, in bytes.
  public let offset: Int64?

  /// An error.
  public init(_ code: Code, _ description: String, offset: Int64? = nil) {
    self.code = code
    self.description = description
    self.offset = offset
  }

  init(_ error: SIFError) {
    self.init(error.code == .system ? .system : .truncated, error.description, offset: error.offset)
  }

  init(_ error: GcryptError) { self.init(.library, error.description) }
}

/// How much may be hashed: a small file can claim any amount of zeros, in holes of its own or of the files in its
/// partitions, and any number of objects over the same bytes.
public struct HashBudget: Sendable {
  /// The bytes that may go through a digest altogether.
  public let limit: Int64
  private(set) var spent: Int64 = 0

  /// A budget of a number of bytes.
  public init(limit: Int64) { self.limit = limit }

  /// What is reasonable for a file that takes a number of bytes on its disk: 64 GiB, a minute's work, and 32
  /// times what is there.
  public init(bytesOnDisk: Int64) {
    let (product, overflow) = max(bytesOnDisk, 0).multipliedReportingOverflow(by: 32)
    let (sum, tooFar) = product.addingReportingOverflow(64 << 30)
    limit = overflow || tooFar ? Int64.max : sum
  }

  /// Takes bytes out of the budget before they are hashed.
  mutating func spend(_ count: Int64, on what: @autoclosure () -> String) throws(HashError) {
    let (sum, overflow) = spent.addingReportingOverflow(max(count, 0))
    guard !overflow, sum <= limit else {
      let total = overflow ? "more than 9 EB" : ByteText.decimal(sum)
      throw HashError(
        .tooMuch,
        "with \(what()) there would be \(total) to hash, holes included: the limit is \(ByteText.decimal(limit))"
      )
    }
    spent = sum
  }
}
