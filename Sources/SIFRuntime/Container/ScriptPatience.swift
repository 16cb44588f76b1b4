/// How long a script of the image may take that only the image's shell can read.
public struct ScriptPatience: Sendable, Equatable {
  /// In thousandths of a second.
  public let milliseconds: Int
  /// The same for people.
  let text: String

  /// A minute.
  public init() {
    milliseconds = 60_000
    text = "a minute"
  }

  private static let units: [(name: String, nanoseconds: Double)] = [
    ("ns", 1), ("us", 1e3), ("µs", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9),
  ]

  /// Reads numbers with units, such as `1h30m` or `1.5s`; nil for anything else, and for more than a year.
  public init?(_ text: String) {
    var rest = text[...]
    var nanoseconds = 0.0
    repeat {
      let number = rest.prefix { $0 == "." || ("0"..."9").contains($0) }
      let name = rest.dropFirst(number.count).prefix { $0 != "." && !("0"..."9").contains($0) }
      rest = rest.dropFirst(number.count + name.count)
      guard let value = Double(number), let unit = Self.units.first(where: { $0.name == name }) else {
        return nil
      }
      nanoseconds += value * unit.nanoseconds
    } while !rest.isEmpty
    guard nanoseconds > 0, nanoseconds < 365 * 86_400e9 else { return nil }
    milliseconds = max(Int(nanoseconds / 1e6), 1)
    self.text = text
  }
}
