import ArgumentParser

/// A number as the reference's options take it: decimal, or with the prefix 0x, 0o, 0b, or 0 for octal; single
/// underscores may stand between digits.
struct ReferenceNumber<Value: FixedWidthInteger & Sendable>: ExpressibleByArgument, Sendable {
  let value: Value

  init?(argument: String) {
    guard let value = Self.parse(argument) else { return nil }
    self.value = value
  }

  static func parse(_ text: String) -> Value? {
    var digits = Substring(text)
    var sign = ""
    if Value.isSigned, let first = digits.first, first == "-" || first == "+" {
      sign = String(first)
      digits = digits.dropFirst()
    }
    guard digits.first?.isNumber ?? false else { return nil }
    var radix = 10
    if digits.count > 1, digits.first == "0" {
      let prefixes: [Character: Int] = ["x": 16, "X": 16, "o": 8, "O": 8, "b": 2, "B": 2]
      let marked = prefixes[digits.dropFirst().first ?? " "]
      radix = marked ?? 8
      digits = digits.dropFirst(marked == nil ? 1 : 2)
    }
    // A prefix counts as a digit before an underscore.
    let parts = digits.split(separator: "_", omittingEmptySubsequences: false)
    guard parts.dropFirst(radix == 10 ? 0 : 1).allSatisfy({ !$0.isEmpty }) else { return nil }
    digits = Substring(parts.joined())
    guard digits.first != "+", digits.first != "-" else { return nil }
    return Value(sign + digits, radix: radix)
  }
}
