import StrictJSON
import Testing
import YAML

/// YAML texts against the values that PyYAML or the specification gives them, and texts that are refused.
@Suite struct YAMLTests {
  private func json(_ text: String) throws -> String {
    String(decoding: JSONWriter.compact(try YAML.parse(Array(text.utf8))), as: UTF8.self)
  }

  @Test(arguments: [
    ("", "null"), ("a: 1", #"{"a":1}"#), ("- x\n- 'y: z'\n- \"\\u00e9\"", #"["x","y: z","é"]"#),
    ("a: {b: [true, no, ~]}", #"{"a":{"b":[true,"no",null]}}"#),
    (
      "cdiVersion: 0.5.0\nv: \"0.5\"\nw: 0x1F\nf: -1.5e3",
      #"{"cdiVersion":"0.5.0","v":"0.5","w":31,"f":-1.5e3}"#
    ),
    ("a: |\n  one\n  two\nb: >\n  three\n  four\n", #"{"a":"one\ntwo\n","b":"three four\n"}"#),
    ("# a comment\n--- \nx: y # another\n...\n", #"{"x":"y"}"#),
    ("big: 99999999999999999999", #"{"big":99999999999999999999}"#),
    (#"{"json": [1, "two"]}"#, #"{"json":[1,"two"]}"#),
  ])
  func value(text: String, expected: String) throws { #expect(try json(text) == expected) }

  @Test(arguments: [
    ("a: *x", "alias"), ("a: &x 1", "anchor"), ("a: &x [1]", "anchor"), ("a: &x {b: 1}", "anchor"),
    ("a: !!str 1", "tag"), ("a: !x [1]", "tag"), ("a: !x {}", "tag"), ("a: 1\na: 2", "a second time"),
    ("a: 1\n---\nb: 2", "a second document"), ("[a]: 1", "a key that is a list"),
    ("{a: b}: 1", "a key that is a list"),
    ("a: [1", "line"), ("a: 'x", "line"), ("\tb: 1", "line"), ("a: \u{1}", "line"),
    (String(repeating: "[", count: 65), "nested more than 64"),
    (String(repeating: "{a: ", count: 65), "nested more than 64"),
    (String(repeating: "#", count: YAML.maximumBytes + 1), "longer than"),
  ])
  func refusal(text: String, reason: String) {
    let error = #expect(throws: YAMLError.self) { try YAML.parse(Array(text.utf8)) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
  }

  @Test func bytesThatAreNoText() {
    for bytes: [UInt8] in [[0xFF, 0xFE], [0x61, 0x3A, 0x20, 0xC3], [0x00], [0xED, 0xA0, 0x80]] {
      #expect(throws: YAMLError.self) { try YAML.parse(bytes) }
    }
  }
}
