/// What a server wants to know before it answers: one challenge of a field `WWW-Authenticate` (RFC 9110 section 11.6.1).
public struct AuthenticationChallenge: Equatable, Sendable {
  /// The scheme in lower case: `bearer`, `basic`.
  public let scheme: String
  /// The parameters, their names in lower case.
  public let parameters: [String: String]

  /// The challenges of the fields of an answer; what is not understood is left out.
  public static func challenges(in fields: [String]) -> [AuthenticationChallenge] {
    fields.flatMap { field in
      var reader = Reader(Array(field.utf8.prefix(16 << 10)))
      return reader.challenges()
    }
  }

  private struct Reader {
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    private var next: UInt8? { place < bytes.count ? bytes[place] : nil }

    private mutating func skip(_ set: [UInt8]) {
      while let byte = next, set.contains(byte) { place += 1 }
    }

    /// A token of RFC 9110 section 5.6.2; nil if there is none.
    private mutating func token() -> String? {
      let start = place
      while let byte = next, byte > 0x20, byte < 0x7F, !"()<>@,;:\\\"/[]?={}".utf8.contains(byte) {
        place += 1
      }
      return start == place ? nil : String(decoding: bytes[start..<place], as: UTF8.self)
    }

    private mutating func value() -> String? {
      guard next == UInt8(ascii: "\"") else { return token() }
      place += 1
      var text: [UInt8] = []
      while let byte = next {
        place += 1
        if byte == UInt8(ascii: "\"") { return String(decoding: text, as: UTF8.self) }
        if byte == UInt8(ascii: "\\"), let escaped = next {
          text.append(escaped)
          place += 1
        } else {
          text.append(byte)
        }
      }
      return nil
    }

    mutating func challenges() -> [AuthenticationChallenge] {
      let blanks: [UInt8] = [0x20, 0x09]
      let between = blanks + [UInt8(ascii: ",")]
      var found: [AuthenticationChallenge] = []
      var scheme: String?
      var parameters: [String: String] = [:]
      func finish() {
        if let scheme { found.append(AuthenticationChallenge(scheme: scheme, parameters: parameters)) }
      }
      while true {
        skip(between)
        guard let word = token() else { break }
        skip(blanks)
        if next == UInt8(ascii: "="), scheme != nil {
          place += 1
          skip(blanks)
          guard let value = value() else { break }
          // The first one counts: a second realm must not change where a password goes.
          parameters[word.lowercased()] = parameters[word.lowercased()] ?? value
        } else {
          finish()
          scheme = word.lowercased()
          parameters = [:]
        }
      }
      finish()
      return found
    }
  }
}
