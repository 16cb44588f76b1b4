import Bytes
import Testing

@Suite struct BytesTests {
  /// RFC 4648 section 10.
  @Test(arguments: [
    ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
    ("foobar", "Zm9vYmFy"),
  ])
  func base64(text: String, encoded: String) {
    #expect(Base64.encode(Array(text.utf8)) == Array(encoded.utf8))
    #expect(Base64.decode(Array(encoded.utf8)) == Array(text.utf8))
  }

  @Test(arguments: ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Zg==Zg==", "Zm9v\n", "Z===", "====", "Zm-_", "Zg=a"])
  func notBase64(text: String) {
    #expect(Base64.decode(Array(text.utf8)) == nil)
  }

  @Test func everyByte() {
    let bytes = (0...255).map { UInt8($0) }
    #expect(Base64.decode(Base64.encode(bytes)) == bytes)
    #expect(Hexadecimal.bytes(Hexadecimal.text(bytes).utf8) == bytes)
    #expect(Hexadecimal.text([0xAB, 1], uppercase: true) == "AB01")
    #expect(Hexadecimal.bytes("abc".utf8) == nil)
    #expect(Hexadecimal.bytes("0x".utf8) == nil)
  }

  /// Every character of Unicode: those that are not shown never appear in the output, the others stay.
  @Test func everyCharacter() throws {
    var shown = 0
    var faults: [UInt32] = []
    for value in UInt32(0)...0x10FFFF {
      guard let scalar = Unicode.Scalar(value) else { continue }
      let text = String(scalar)
      let line = VisibleText.line(text)
      // Text that was made visible stays unchanged.
      if (line == text) != scalar.isShown || !line.unicodeScalars.allSatisfy({ $0.isShown })
        || VisibleText.line(line) != line
      {
        faults.append(value)
      }
      // The fast path gives the same result.
      let isOther: Bool =
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator:
          true
        default: scalar.properties.isDefaultIgnorableCodePoint
        }
      if isOther == scalar.isShown { faults.append(value) }
      shown += scalar.isShown ? 1 : 0
    }
    #expect(faults.isEmpty)
    #expect(shown > 100_000)
    let invisible: [ClosedRange<UInt32>] = [
      0...0x1F, 0x7F...0x9F, 0xAD...0xAD, 0x34F...0x34F, 0x61C...0x61C, 0x115F...0x1160, 0x180B...0x180F,
      0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0x3164...0x3164, 0xE000...0xF8FF, 0xFE00...0xFE0F,
      0xFEFF...0xFEFF, 0xFFF0...0xFFFB, 0xE0000...0xE0FFF,
    ]
    for value in invisible.joined() {
      #expect(Unicode.Scalar(value).map { !$0.isShown } ?? true, "U+\(String(value, radix: 16))")
    }
  }

  @Test func visibleText() {
    #expect(
      VisibleText.line("a\u{1B}[31m\n\t\r\\\u{9B}\u{202E}é") == "a\\x1b[31m\\n\\t\\r\\\\u{9b}\\u{202e}é")
    #expect(VisibleText.line("a\tb\n\t", keepsTabs: true) == "a\tb\\n\t")
    #expect(VisibleText.line("\t\u{7F}", keepsTabs: true) == "\t\\x7f")
    #expect(VisibleText.text([0x5C, 0xFF, 0x0A], doublesBackslashes: true) == "\\\\\\xff\\n")
    // Overlong forms, surrogates and cut-off characters are not UTF-8.
    for bytes in [[0xC0, 0x80], [0xED, 0xA0, 0x80], [0xE2, 0x82], [0xF4, 0x90, 0x80, 0x80], [0x9B]]
      as [[UInt8]]
    {
      let escaped = bytes.map { "\\x" + Hexadecimal.text([$0]) }.joined()
      #expect(VisibleText.text(bytes, doublesBackslashes: false) == escaped)
      #expect(VisibleText.name(bytes) == escaped)
    }
    #expect(VisibleText.name(Array("Grüße\\\u{202E}\n".utf8)) == "Grüße\\\\\\xe2\\x80\\xae\\x0a")
  }

  @Test func escapes() {
    #expect(Array("plain – ünï 😀".utf8).escapedText == "plain – ünï 😀")
    #expect(Array("a\u{1B}[31m\n\t\\".utf8).escapedText == "a\\x1b[31m\\n\\t\\\\")
    #expect([0xFF, 0x41, 0xC0, 0x80].escapedText == "\\xffA\\xc0\\x80")
    #expect(Array("\u{202E}\u{200B}\u{85}".utf8).escapedText == "\\u{202e}\\u{200b}\\u{85}")
    #expect([0xED, 0xA0, 0x80].escapedText == "\\xed\\xa0\\x80")
    #expect([0xE2, 0x82].escapedText == "\\xe2\\x82")
  }
}
