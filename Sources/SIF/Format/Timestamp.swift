/// A time of the format: whole seconds since 1970-01-01 00:00:00 UTC.
public struct Timestamp: Hashable, Sendable, Comparable {
  /// Seconds since the epoch, negative before it.
  public var seconds: Int64

  /// The time at a number of seconds.
  public init(seconds: Int64) { self.seconds = seconds }

  /// "No time", as deterministic images have it: 0001-01-01 00:00:00 UTC, the zero time of the reference.
  public static let none = Timestamp(seconds: -62_135_596_800)

  /// Earlier times come first.
  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.seconds < right.seconds }

  /// The time in the civil calendar, UTC.
  private var civil: (year: Int64, month: Int, day: Int, secondOfDay: Int) {
    // Unsigned seconds since a year 1 modulo 400 far enough back for every 64-bit time; the few that lie
    // beyond wrap around, as they do in the reference.
    let firstYear: Int64 = -292_277_022_399
    let unsigned = UInt64(bitPattern: seconds) &+ 9_223_372_028_715_321_600
    let secondOfDay = Int(unsigned % 86_400)
    var day = Int64(unsigned / 86_400)
    var year = firstYear
    // The Gregorian calendar repeats every 400 years; within that, the last century and the last year of a
    // cycle are a day longer than the quotient says, hence the clamps.
    year += day / 146_097 * 400
    day %= 146_097
    let century = min(day / 36_524, 3)
    year += century * 100
    day -= century * 36_524
    year += day / 1_461 * 4
    day %= 1_461
    let single = min(day / 365, 3)
    year += single
    day -= single * 365

    let isLeap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0
    var month = 1
    var dayOfMonth = Int(day)
    for length in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
      if dayOfMonth < length { break }
      dayOfMonth -= length
      month += 1
    }
    return (year, month, dayOfMonth + 1, secondOfDay)
  }

  private static func padded(_ value: Int64, _ width: Int) -> String {
    let digits = String(value.magnitude)
    let zeros = String(repeating: "0", count: max(width - digits.count, 0))
    return (value < 0 ? "-" : "") + zeros + digits
  }

  private func text(separator: String, suffix: String) -> String {
    let (year, month, day, second) = civil
    let date = "\(Self.padded(year, 4))-\(Self.padded(Int64(month), 2))-\(Self.padded(Int64(day), 2))"
    let parts = [second / 3600, second / 60 % 60, second % 60].map { Self.padded(Int64($0), 2) }
    return date + separator + parts.joined(separator: ":") + suffix
  }

  /// As the reference prints it: `2006-01-02 15:04:05 +0000 UTC`.
  public var referenceText: String { text(separator: " ", suffix: " +0000 UTC") }

  /// ISO 8601 in UTC: `2006-01-02T15:04:05Z`.
  public var iso8601: String { text(separator: "T", suffix: "Z") }
}
