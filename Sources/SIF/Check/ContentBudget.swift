/// The number of bytes that a check reads of objects' contents, at most: twice the length of the file.
///
/// Objects of a sound image share no bytes, so the budget covers them. Without it, a hostile image whose
/// objects share bytes could have the same bytes read any number of times.
public struct ContentBudget: Sendable {
  private var left: Int64

  /// The budget of a file.
  public init(fileSize: Int64) {
    let (twice, overflow) = max(fileSize, 0).multipliedReportingOverflow(by: 2)
    left = overflow ? .max : twice
  }

  /// Takes bytes out of the budget before they are read; false if too few are left.
  public mutating func spend(_ count: Int64) -> Bool {
    guard count <= left else { return false }
    left -= max(count, 0)
    return true
  }
}
