import StrictJSON
import Testing

private func parse(_ text: String, _ limits: JSONLimits = JSONLimits()) throws(JSONError) -> JSONValue {
  try JSONParser.parse(Array(text.utf8), limits: limits)
}

@Suite struct JSONParserTests {
  @Test func everyKindOfValue() throws {
    let value = try parse(
      " {\"b\":[1,-2,0,true,false,null],\"a\":{\"t\":\"x\\n\\u00e9\\ud83d\\ude00\"},\"n\":1.5e3,\"z\":-0} ")
    #expect(value["b"] == [1, -2, 0, true, false, nil])
    #expect(value["a"]?["t"]?.text == "x\n\u{e9}\u{1F600}")
    #expect(value["n"] == .number("1.5e3"))
    #expect(value["z"] == .number("-0"))
    #expect(value.members?.map(\.key) == ["b", "a", "n", "z"])
  }

  @Test func integersOf64BitsAndBeyond() throws {
    #expect(try parse("9223372036854775807") == .integer(.max))
    #expect(try parse("-9223372036854775808") == .integer(.min))
    #expect(try parse("9223372036854775808") == .number("9223372036854775808"))
  }

  @Test(arguments: [
    ("", JSONError(.unexpectedEnd, at: 0)),
    ("{\"a\":1,\"a\":2}", JSONError(.duplicateKey, at: 7)),
    ("{\"a\":1,\"\\u0061\":2}", JSONError(.duplicateKey, at: 7)),
    ("{} x", JSONError(.trailingBytes, at: 3)),
    ("{}{}", JSONError(.trailingBytes, at: 2)),
    ("[1,]", JSONError(.unexpectedByte, at: 3)),
    ("{\"a\":1,}", JSONError(.unexpectedByte, at: 7)),
    ("{a:1}", JSONError(.unexpectedByte, at: 1)),
    ("\u{FEFF}{}", JSONError(.unexpectedByte, at: 0)),
    ("01", JSONError(.malformedNumber, at: 0)),
    ("-", JSONError(.malformedNumber, at: 0)),
    ("1.", JSONError(.malformedNumber, at: 0)),
    ("1e+", JSONError(.malformedNumber, at: 0)),
    ("+1", JSONError(.unexpectedByte, at: 0)),
    ("NaN", JSONError(.unexpectedByte, at: 0)),
    ("nul", JSONError(.unexpectedEnd, at: 3)),
    ("\"\\x\"", JSONError(.malformedEscape, at: 1)),
    ("\"\\u00g0\"", JSONError(.malformedEscape, at: 1)),
    ("\"\\ud800\"", JSONError(.loneSurrogate, at: 1)),
    ("\"\\ud800\\u0041\"", JSONError(.loneSurrogate, at: 1)),
    ("\"\\udc00\"", JSONError(.loneSurrogate, at: 1)),
    ("\"a\tb\"", JSONError(.controlCharacter, at: 2)),
    ("\"abc", JSONError(.unexpectedEnd, at: 4)),
    ("[1 2]", JSONError(.unexpectedByte, at: 3)),
  ])
  func whatIsRefused(text: String, error: JSONError) {
    #expect(throws: error) { try parse(text) }
  }

  @Test func bytesThatAreNotUTF8() {
    for bytes: [UInt8] in [[0x22, 0xFF, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22]] {
      #expect(throws: JSONError(.malformedUTF8, at: 0)) { try JSONParser.parse(bytes) }
    }
  }

  @Test func limits() throws {
    #expect(JSONError(.tooDeep, at: 64).offset == 64)
    let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    #expect(throws: JSONError(.tooDeep, at: 64)) { try parse(deep) }
    #expect(throws: JSONError(.tooLong, at: 3)) { try parse("[  ]", JSONLimits(bytes: 3)) }
    let repeated = try parse("{\"a\":1,\"a\":2}", JSONLimits(keepsDuplicateKeys: true))
    #expect(repeated.members?.count == 2)
  }

  /// The letter é in one scalar and in two are equal as Swift strings, but they are other bytes.
  @Test func keysAreBytes() throws {
    let value = try parse("{\"\u{e9}\":1,\"e\u{301}\":2}")
    #expect(value["\u{e9}"] == 1)
    #expect(value["e\u{301}"] == 2)
    #expect(JSONValue.string("\u{e9}") != .string("e\u{301}"))
  }
}

@Suite struct JSONWriterTests {
  private let value: JSONValue = [
    "b": [1, "x\"\\\n\u{1B}[0m\u{9B}\u{202E}", nil, true], "a": [:], "c": [],
  ]

  @Test func compactKeepsTheOrder() {
    #expect(
      String(decoding: JSONWriter.compact(value), as: UTF8.self)
        == "{\"b\":[1,\"x\\\"\\\\\\n\\u001b[0m\\u009b\\u202e\",null,true],\"a\":{},\"c\":[]}")
  }

  /// What is not shown, beyond 16 bits too, is an escape that the parser reads as what it was.
  @Test func invisibleCharacters() throws {
    let text = "\u{7F}\u{61C}\u{200B}\u{2028}\u{2066}\u{FEFF}\u{115F}\u{E0041}é😀"
    let written = JSONWriter.compact(.string(text))
    #expect(
      String(decoding: written, as: UTF8.self)
        == #""\u007f\u061c\u200b\u2028\u2066\ufeff\u115f\udb40\udc41é😀""#)
    #expect(try JSONParser.parse(written) == .string(text))
  }

  @Test func prettySortsKeys() {
    #expect(
      String(decoding: JSONWriter.pretty(value), as: UTF8.self) == """
        {
          "a": {},
          "b": [
            1,
            "x\\"\\\\\\n\\u001b[0m\\u009b\\u202e",
            null,
            true
          ],
          "c": []
        }
        """)
  }

  @Test func whatIsWrittenReadsBack() throws {
    #expect(try JSONParser.parse(JSONWriter.compact(value)) == value)
  }
}
