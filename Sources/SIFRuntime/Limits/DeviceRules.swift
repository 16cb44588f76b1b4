/// A rule about the devices that a control group may use (spec/runtime.md "Devices").
struct DeviceRule: Sendable, Equatable {
  /// The ways to use a device; the bits of the kernel's filter.
  struct Access: OptionSet, Sendable {
    let rawValue: Int32
    static let make = Access(rawValue: 1)
    static let read = Access(rawValue: 2)
    static let write = Access(rawValue: 4)
  }

  /// The kinds of devices, with the kernel's numbers.
  enum Kind: Int32, Sendable {
    case block = 1
    case character = 2
  }

  let isAllowed: Bool
  /// Nil for both kinds.
  var kind: Kind?
  /// Nil for any number.
  var major: Int32?
  /// Nil for any number.
  var minor: Int32?
  let access: Access
}

extension [DeviceRule] {
  /// The rules as a program for the kernel. For each kind of access, the last rule that matches the device
  /// decides. Without a match the access is denied.
  var program: [UInt64] {
    var program = [
      // r3: the kind. r2: the kinds of access that no rule has decided yet. r4, r5: the device's numbers.
      Self.instruction(0x61, 2, 1, 0, 0), Self.instruction(0xBF, 3, 2, 0, 0),
      Self.instruction(0x57, 3, 0, 0, 0xFFFF),
      Self.instruction(0x77, 2, 0, 0, 16), Self.instruction(0x61, 4, 1, 4, 0),
      Self.instruction(0x61, 5, 1, 8, 0),
    ]
    for rule in reversed() { program += Self.instructions(for: rule) }
    return program + Self.answer(0)
  }

  /// Encodes one instruction: operation, destination and source, offset, and number.
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
    // The requested kinds of access that this rule covers. If there are none, go on with the next rule.
    var body = [instruction(0xBF, 0, 2, 0, 0), instruction(0x57, 0, 0, 0, rule.access.rawValue)]
    var rest: [UInt64] = []
    if rule.isAllowed {
      // Earlier rules decide about the rest. If nothing is left, access is allowed.
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
