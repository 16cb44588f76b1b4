public import Bytes

/// The reason why a text is not JSON, and its place.
public struct JSONError: Fault, Equatable, Sendable {
  /// The kind of error; its raw value is stable.
  public enum Code: String, Sendable {
    /// The text ends within a value.
    case unexpectedEnd = "unexpected-end"
    /// A byte that the grammar does not allow at this place.
    case unexpectedByte = "unexpected-byte"
    /// A number with a leading zero, an empty fraction or an empty exponent.
    case malformedNumber = "malformed-number"
    /// A backslash before a character that RFC 8259 section 7 does not name.
    case malformedEscape = "malformed-escape"
    /// Half of a surrogate pair, which is not a character.
    case loneSurrogate = "lone-surrogate"
    /// A control character that must be escaped.
    case controlCharacter = "control-character"
    /// Bytes that are not UTF-8.
    case malformedUTF8 = "malformed-utf8"
    /// A second member with the same name.
    case duplicateKey = "duplicate-key"
    /// Something other than white space after the value.
    case trailingBytes = "trailing-bytes"
    /// More nesting than ``JSONLimits/depth``.
    case tooDeep = "too-deep"
    /// More bytes than ``JSONLimits/bytes``.
    case tooLong = "too-long"
  }

  /// The kind of error.
  public let code: Code
  /// The byte of the text where it was found, counted from 0.
  public let position: Int

  /// Makes an error from its kind and place.
  public init(_ code: Code, at offset: Int) {
    self.code = code
    position = offset
  }

  /// The byte of the text, as ``position``.
  public var offset: Int64? { Int64(position) }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind { .malformed }

  /// One sentence that says what is wrong, and at which byte.
  public var description: String {
    let what =
      switch code {
      case .unexpectedEnd: "the text ends within a value"
      case .unexpectedByte: "an unexpected byte"
      case .malformedNumber: "a malformed number"
      case .malformedEscape: "a malformed escape"
      case .loneSurrogate: "half of a surrogate pair"
      case .controlCharacter: "a control character within a string"
      case .malformedUTF8: "bytes that are not UTF-8"
      case .duplicateKey: "a second member with the same name"
      case .trailingBytes: "more text after the value"
      case .tooDeep: "too deeply nested"
      case .tooLong: "too long"
      }
    return "JSON: \(what) (at byte \(position))"
  }
}
