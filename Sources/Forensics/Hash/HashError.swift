public import Bytes
import Gcrypt
import SIF

/// The reason why hashing stopped early.
public struct HashError: Fault, Equatable, Sendable {
  /// The kind of reason. Raw values are stable: scripts may compare them.
  public enum Code: String, Sendable {
    /// More bytes would have to be hashed than the caller allows.
    case tooMuch = "too-much"
    /// The file ended while it was being read.
    case truncated
    /// A list of digests that cannot be read.
    case list
    /// A range of bytes that no file has.
    case invalidArgument = "invalid-argument"
    /// The operating system refused.
    case system
    /// libgcrypt lacks or forbids the algorithm.
    case library
  }

  /// The kind of reason.
  public let code: Code
  /// One sentence without a final stop.
  public let description: String
  /// The place in the file or the list, in bytes.
  public let offset: Int64?

  /// An error.
  public init(_ code: Code, _ description: String, offset: Int64? = nil) {
    self.code = code
    self.description = description
    self.offset = offset
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause: the image, the arguments, the system or another one.
  public var kind: FaultKind {
    switch code {
    case .truncated, .list: .malformed
    case .invalidArgument: .argument
    case .system: .system
    case .tooMuch, .library: .other
    }
  }

  init(_ error: SIFError) {
    self.init(error.code == .system ? .system : .truncated, error.description, offset: error.offset)
  }

  init(_ error: GcryptError) { self.init(.library, error.description) }
}

/// The limit on hashing: a small file can claim any amount of zeros, in its own holes or those of files in
/// its partitions, and any number of objects over the same bytes.
public struct HashBudget: Sendable {
  /// The most bytes that may be hashed in total.
  public let limit: Int64
  /// Whether to limit also how often the bytes that objects share may be hashed.
  private let limitsSharing: Bool
  private(set) var spent: Int64 = 0

  /// The number of times that a shared byte may be hashed, on average.
  private static let mostOverlaps: Int64 = 32

  /// A budget of a number of bytes.
  public init(limit: Int64) {
    self.limit = limit
    limitsSharing = false
  }

  /// A reasonable budget for a file that takes a number of bytes on disk: 64 GiB, a minute's work, plus 32
  /// times its bytes.
  public init(bytesOnDisk: Int64) {
    let (product, overflow) = max(bytesOnDisk, 0).multipliedReportingOverflow(by: 32)
    let (sum, tooFar) = product.addingReportingOverflow(64 << 30)
    limit = overflow || tooFar ? Int64.max : sum
    limitsSharing = true
  }

  /// Takes the bytes of ranges of a file, which may overlap, out of the budget.
  mutating func spend(_ ranges: [Range<Int64>]) throws(HashError) {
    if let range = ranges.first(where: { $0.lowerBound < 0 }) {
      throw HashError(.invalidArgument, "no file has bytes \(range.lowerBound) to \(range.upperBound)")
    }
    var (total, own, reached): (Int64, Int64, Int64) = (0, 0, 0)
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      try spend(Int64(range.count), on: "the bytes of the file and its objects")
      total += Int64(range.count)
      own += max(range.upperBound - max(range.lowerBound, reached), 0)
      reached = max(reached, range.upperBound)
    }
    guard limitsSharing, total / Self.mostOverlaps > own else { return }
    throw HashError(
      .tooMuch,
      "objects share their bytes: \(ByteText.decimal(total)) would have to be hashed for \(ByteText.decimal(own)) of "
        + "the file")
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
