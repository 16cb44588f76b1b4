/// What a control group may do with devices (spec/runtime.md "Devices").
struct DeviceRule: Sendable, Equatable {
  /// What is done with a device; bits of the kernel's filter.
  struct Access: OptionSet, Sendable {
    let rawValue: Int32
    static let make = Access(rawValue: 1)
    static let read = Access(rawValue: 2)
    static let write = Access(rawValue: 4)
  }

  /// Kinds of devices, as the kernel's filter has them.
  enum Kind: Int32, Sendable {
    case block = 1
    case character = 2
  }

  let isAllowed: Bool
  /// Nil for both kinds.
  var kind: Kind?
  /// Nil for any.
  var major: Int32?
  /// Nil for any.
  var minor: Int32?
  let access: Access
}

extension [DeviceRule] {
  /// The rules as a program for the kernel. For each way of access the last rule counts that fits the device; where
  /// there is none, it is denied.
  var program: [UInt64] {
    var program = [
      // The kind in r3, the access that no rule was found for yet in r2, the device's numbers in r4 and r5.
      Self.instruction(0x61, 2, 1, 0, 0), Self.instruction(0xBF, 3, 2, 0, 0),
      Self.instruction(0x57, 3, 0, 0, 0xFFFF),
      Self.instruction(0x77, 2, 0, 0, 16), Self.instruction(0x61, 4, 1, 4, 0),
      Self.instruction(0x61, 5, 1, 8, 0),
    ]
    for rule in reversed() { program += Self.instructions(for: rule) }
    return program + Self.answer(0)
  }

  /// One instruction: operation, destination and source, offset, and number.
  private static func instruction(
    _ code: UInt8, _ destination: UInt8, _ source: UInt8, _ offset: Int16, _ number: Int32
  ) -> UInt64 {
    UInt64(code) | UInt64(destination | source << 4) << 8 | UInt64(UInt16(bitPattern: offset)) << 16
      | UInt64(UInt32(bitPattern: number)) << 32
  }

  private static func answer(_ isAllowed: Int32) -> [UInt64] {
    [instruction(0xB7, 0, 0, 0, isAllowed), instruction(0x95, 0, 0, 0, 0)]
  }

  private static func instructions(for rule: DeviceRule) -> [UInt64] {
    // Which of what is asked for the rule is about: where nothing, go on with the next.
    var body = [instruction(0xBF, 0, 2, 0, 0), instruction(0x57, 0, 0, 0, rule.access.rawValue)]
    var rest: [UInt64] = []
    if rule.isAllowed {
      // What remains is for the rules before; where nothing does, it is allowed.
      rest = [instruction(0x57, 2, 0, 0, ~rule.access.rawValue), instruction(0x55, 2, 0, 2, 0)] + answer(1)
    } else {
      rest = answer(0)
    }
    body += [instruction(0x15, 0, 0, Int16(rest.count), 0)] + rest
    for (register, number) in [(3, rule.kind?.rawValue), (4, rule.major), (5, rule.minor)]
      as [(UInt8, Int32?)]
    {
      if let number { body.insert(instruction(0x55, register, 0, Int16(body.count), number), at: 0) }
    }
    return body
  }
}
