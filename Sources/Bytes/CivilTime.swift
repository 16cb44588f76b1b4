/// A moment in the Gregorian calendar, UTC, extended to all years.
package struct CivilTime: Equatable, Sendable {
  /// The year; 0 is the year before 1.
  package let year: Int64
  /// The month, from 1.
  package let month: Int
  /// The day of the month, from 1.
  package let day: Int
  /// Seconds since midnight.
  package let secondOfDay: Int

  /// The time at any number of seconds since 1970-01-01 00:00:00.
  package init(seconds: Int64) {
    let secondOfDay = seconds % 86_400
    self.init(
      day: seconds / 86_400 - (secondOfDay < 0 ? 1 : 0),
      secondOfDay: Int(secondOfDay < 0 ? secondOfDay + 86_400 : secondOfDay))
  }

  /// The time on a day.
  ///
  /// - Parameter day: counted from 1970-01-01, at most 2^62 days away from it.
  package init(day: Int64, secondOfDay: Int) {
    // Counted from 0000-03-01, so that a leap day is the last of its year; the calendar repeats every 400 years.
    let shifted = day + 719_468
    let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let month = (5 * dayOfYear + 2) / 153
    self.day = Int(dayOfYear - (153 * month + 2) / 5 + 1)
    self.month = Int(month < 10 ? month + 3 : month - 9)
    year = yearOfEra + era * 400 + (self.month <= 2 ? 1 : 0)
    self.secondOfDay = secondOfDay
  }

  /// ISO 8601: `2006-01-02T15:04:05Z`.
  package var iso8601: String { text(separator: "T", suffix: "Z") }

  /// The date as `2006-01-02`, a separator, the time as `15:04:05`, and a suffix. Years have four digits or more.
  package func text(separator: String, suffix: String) -> String {
    func two(_ number: Int) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let digits = String(year.magnitude)
    let zeros = String(repeating: "0", count: max(4 - digits.count, 0))
    return "\(year < 0 ? "-" : "")\(zeros)\(digits)-\(two(month))-\(two(day))\(separator)"
      + "\(two(secondOfDay / 3600)):\(two(secondOfDay / 60 % 60)):\(two(secondOfDay % 60))\(suffix)"
  }
}
