import StrictJSON
import TOML
import Testing

@Suite struct TOMLTests {
  @Test func everyKindOfValueIsRead() throws {
    let value = try parse(
      """
      activated = true
      count = 0x1F   # hexadecimal
      ratio = 1.5
      edge = -inf
      text = "caf\\u00e9"
      raw = 'C:\\x'
      long = \"\"\"
      two
      lines\"\"\"
      list = [ 1, [ "a", ], {x.y = 2} ]
      [[group]]
      name = "first"
      [[group]]
      name = "second"
      [a."b.c".d]
      e = -9223372036854775808
      """)
    let expected: JSONValue = [
      "a": ["b.c": ["d": ["e": -9_223_372_036_854_775_808]]],
      "activated": true,
      "count": 31,
      "edge": .number("-inf"),
      "group": [["name": "first"], ["name": "second"]],
      "list": [1, ["a"], ["x": ["y": 2]]],
      "long": "two\nlines",
      "ratio": .number("1.5"),
      "raw": "C:\\x",
      "text": "café",
    ]
    #expect(value == expected)
    #expect(try parse("") == [:])
  }

  @Test(arguments: [
    ("a = 1\na = 2\n", 2), ("a =\n", 1), ("[a]\n[a]\n", 2), ("a = \"x", 1), ("a = 9223372036854775808", 1),
    ("ok = 1\nb = \"\\q\"", 2), ("= 1", 1), ("[a", 1), ("a = [1, 2", 1), ("a = 01", 1), ("a.b = 1\na = 2", 2),
    ("ok = 1\nwhen = 1979-05-27", 2), ("ok = 1\nat = 07:32:00", 2),
  ])
  func whatIsNoTOMLIsRefusedAtItsLine(text: String, line: Int) throws {
    let error = try #require(throws: TOMLError.self) { try parse(text) }
    #expect(error.line == line)
    #expect(error.description.hasPrefix("TOML: "))
    #expect(error.reason.count > 3)
  }

  @Test func bytesThatAreNoTextAreRefused() {
    for bytes: [UInt8] in [[0x61, 0x3D, 0x22, 0xFF, 0x22], [0x61, 0x3D, 0x31, 0x00], [0xC3]] {
      #expect(throws: TOMLError.self) { try TOML.parse(bytes) }
    }
  }

  /// The library has assertions that these do not meet.
  @Test(arguments: ["[\n", "[[\n", "[ # a", "[[=", "a = 1\n[[\n[[b]]\nc = 2\n", "[\n]", "[[.a]]", "[,]"])
  func headersWithoutANameAreRefused(text: String) {
    #expect(throws: TOMLError.self) { try parse(text) }
  }

  /// Tables within tables cost the stack of whoever frees them; each way to write many is cut short.
  @Test func nestingAndLengthAreLimited() {
    let deepKey = Array(repeating: "a", count: 500).joined(separator: ".")
    let deepArray = String(repeating: "[", count: 10_000) + String(repeating: "]", count: 10_000)
    let deepTable = String(repeating: "{a=", count: 10_000)
    for text in [deepKey + " = 1", "[\(deepKey)]", "a = \(deepArray)", "a = \(deepTable)"] {
      #expect(throws: TOMLError.self) { try parse(text) }
    }
    #expect(throws: TOMLError.self) { try parse(String(repeating: "#", count: TOML.maximumBytes + 1)) }
    #expect(throws: Never.self) { try parse(String(repeating: "#\n", count: TOML.maximumBytes / 2)) }
  }

  private func parse(_ text: String) throws(TOMLError) -> JSONValue {
    try TOML.parse(Array(text.utf8))
  }
}
