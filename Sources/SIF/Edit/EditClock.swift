import Glibc

/// The time that an edit stamps into the header and the descriptors that it touches.
public enum EditClock: Hashable, Sendable {
  /// The current time; no time in a deterministic image, which stays deterministic.
  case automatic
  /// Always this time.
  case fixed(Timestamp)

  /// The time of an edit of the image with this header.
  package func time(for header: Header) -> Timestamp {
    switch self {
    case .fixed(let time): time
    case .automatic: header.isDeterministic ? .none : .now
    }
  }

}

extension Timestamp {
  /// The current time.
  public static var now: Timestamp { Timestamp(seconds: Int64(Glibc.time(nil))) }
}
