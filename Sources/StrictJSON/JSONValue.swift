/// A JSON value (RFC 8259) that preserves the details which matter to a careful reader: the order of an
/// object's members, repeated keys, and the exact text of a number that is not a 64-bit integer.
/// ``JSONWriter/compact(_:)`` writes all of them back; ``JSONWriter/pretty(_:)`` sorts the members.
///
/// Strings are compared by their UTF-8 bytes, not by Unicode canonical equivalence. Signed or stored text is
/// a sequence of bytes, so two different sequences are two different strings.
public indirect enum JSONValue: Sendable {
  /// The members in the order of the text. A repeated key appears more than once, if the parser allows it.
  case object([JSONMember])
  /// The elements in order.
  case array([JSONValue])
  /// The text with its escapes resolved; always valid Unicode.
  case string(String)
  /// A number written as an integer that fits 64 bits.
  case integer(Int64)
  /// The text of any other number: one with a fraction or an exponent, one too large, or `-0`.
  case number(String)
  /// `true` or `false`.
  case bool(Bool)
  /// `null`.
  case null
}

/// One member of a JSON object.
public struct JSONMember: Sendable, Equatable {
  /// The member's name, with its escapes resolved.
  public let key: String
  /// The member's value.
  public let value: JSONValue

  /// Makes a member from its name and value.
  public init(_ key: String, _ value: JSONValue) {
    self.key = key
    self.value = value
  }

  /// Whether name (byte for byte) and value are equal.
  public static func == (left: JSONMember, right: JSONMember) -> Bool {
    left.key.utf8.elementsEqual(right.key.utf8) && left.value == right.value
  }
}

extension JSONValue: Equatable {
  /// Whether kind, order and content are equal; strings are compared byte for byte.
  public static func == (left: JSONValue, right: JSONValue) -> Bool {
    switch (left, right) {
    case (.object(let a), .object(let b)): a == b
    case (.array(let a), .array(let b)): a == b
    case (.string(let a), .string(let b)): a.utf8.elementsEqual(b.utf8)
    case (.integer(let a), .integer(let b)): a == b
    case (.number(let a), .number(let b)): a.utf8.elementsEqual(b.utf8)
    case (.bool(let a), .bool(let b)): a == b
    case (.null, .null): true
    default: false
    }
  }
}

extension JSONValue {
  /// The value of the first member with that name; nil if there is none, or this is not an object.
  public subscript(key: String) -> JSONValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.key.utf8.elementsEqual(key.utf8) }?.value
  }

  /// The members, if this is an object.
  public var members: [JSONMember]? {
    if case .object(let members) = self { members } else { nil }
  }

  /// The elements, if this is an array.
  public var elements: [JSONValue]? {
    if case .array(let elements) = self { elements } else { nil }
  }

  /// The text, if this is a string.
  public var text: String? {
    if case .string(let text) = self { text } else { nil }
  }

  /// The number, if this is an integer of at most 64 bits.
  public var integer: Int64? {
    if case .integer(let value) = self { value } else { nil }
  }

  /// The value, if this is `true` or `false`.
  public var bool: Bool? {
    if case .bool(let value) = self { value } else { nil }
  }
}

extension JSONValue: ExpressibleByDictionaryLiteral, ExpressibleByArrayLiteral, ExpressibleByStringLiteral,
  ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral, ExpressibleByNilLiteral
{
  /// An object with its members in the order of the literal.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { JSONMember($0.0, $0.1) })
  }
  /// An array.
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  /// A string.
  public init(stringLiteral value: String) { self = .string(value) }
  /// An integer.
  public init(integerLiteral value: Int64) { self = .integer(value) }
  /// `true` or `false`.
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  /// `null`.
  public init(nilLiteral: ()) { self = .null }
}
