/// How many bytes of objects' contents are looked into: twice as many as the file has.
///
/// Objects of a sound image share no bytes, and so never have more. Those that do could otherwise have the same bytes
/// read any number of times.
public struct ContentBudget: Sendable {
  private var left: Int64

  /// The budget of a file.
  public init(fileSize: Int64) {
    let (twice, overflow) = max(fileSize, 0).multipliedReportingOverflow(by: 2)
    left = overflow ? .max : twice
  }

  /// Takes bytes out of the budget before they are read; false where it has too few.
  public mutating func spend(_ count: Int64) -> Bool {
    guard count <= left else { return false }
    left -= max(count, 0)
    return true
  }
}
