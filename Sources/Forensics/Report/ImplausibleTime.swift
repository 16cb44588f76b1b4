public import SIF

/// A time in header or descriptors that cannot be right, or that was set by hand (spec/forensics.md,
/// "Implausible times").
public struct ImplausibleTime: Sendable, Equatable {
  /// The owner of the time, such as `the header's time of creation`.
  public let what: String
  /// The time.
  public let time: Timestamp
  /// The reason why it is implausible, as a clause without a final stop.
  public let why: String

  /// The most that are listed.
  public static let most = 200

  /// The beginning of the year in which the format appeared: 2016-01-01.
  private static let first = Timestamp(seconds: 1_451_606_400)

  /// The times of an image that are implausible.
  ///
  /// - Parameter now: the latest plausible time; nil for no limit.
  public static func all(in header: Header?, _ objects: [Descriptor], now: Timestamp?) -> [ImplausibleTime] {
    var found: [ImplausibleTime] = []
    func judge(_ what: String, _ time: Timestamp, notBefore earlier: (Timestamp, String)?) {
      guard time != .none, found.count < most else { return }
      if let now, time > now {
        found.append(ImplausibleTime(what: what, time: time, why: "it lies in the future"))
      } else if time.seconds == 0 {
        found.append(
          ImplausibleTime(what: what, time: time, why: "it is the clock's zero: it was never set"))
      } else if time < first {
        found.append(
          ImplausibleTime(what: what, time: time, why: "there were no images of this format then"))
      } else if let (limit, name) = earlier, limit != .none, time < limit {
        found.append(ImplausibleTime(what: what, time: time, why: "it is before \(name)"))
      }
    }
    if let header {
      judge("the header's time of creation", header.createdAt, notBefore: nil)
      judge(
        "the header's time of change", header.modifiedAt,
        notBefore: (header.createdAt, "the time of creation"))
    }
    for object in objects {
      judge(
        "object \(object.id)'s time of creation", object.createdAt,
        notBefore: header.map { ($0.createdAt, "the image was made") })
      judge(
        "object \(object.id)'s time of change", object.modifiedAt,
        notBefore: (object.createdAt, "the object was made"))
      if let header, header.modifiedAt != .none, object.modifiedAt != .none,
        object.modifiedAt > header.modifiedAt, found.count < most
      {
        found.append(
          ImplausibleTime(
            what: "object \(object.id)'s time of change", time: object.modifiedAt,
            why: "it is after the header's, which every change sets"))
      }
    }
    return found
  }
}
