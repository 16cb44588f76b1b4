import Bytes

/// A time of the format: whole seconds since 1970-01-01 00:00:00 UTC.
public struct Timestamp: Hashable, Sendable, Comparable {
  /// Seconds since the epoch, negative before it.
  public var seconds: Int64

  /// The time at a number of seconds.
  public init(seconds: Int64) { self.seconds = seconds }

  /// "No time", as in deterministic images: 0001-01-01 00:00:00 UTC, the zero time of the reference.
  public static let none = Timestamp(seconds: -62_135_596_800)

  /// Earlier times come first.
  public static func < (left: Timestamp, right: Timestamp) -> Bool { left.seconds < right.seconds }

  /// The time in the civil calendar, UTC. The first 258 years of the 64-bit range wrap around to its end, as they do in
  /// the reference.
  private var civil: CivilTime {
    // The day from which the reference counts seconds, without a sign.
    let firstDay: Int64 = -106_751_991_073_094
    let unsigned = UInt64(bitPattern: seconds &- firstDay * 86_400)
    return CivilTime(day: Int64(unsigned / 86_400) + firstDay, secondOfDay: Int(unsigned % 86_400))
  }

  /// The form that the reference prints: `2006-01-02 15:04:05 +0000 UTC`.
  public var referenceText: String { civil.text(separator: " ", suffix: " +0000 UTC") }

  /// ISO 8601 in UTC: `2006-01-02T15:04:05Z`.
  public var iso8601: String { civil.iso8601 }
}
