@testable import Keyserver
import Testing

@Suite struct IndexTests {
  private func index(_ text: String) -> KeyserverIndex? { KeyserverIndex(reading: Array(text.utf8)) }

  /// What sks 1.1.6 answered.
  @Test func realAnswer() throws {
    let fingerprint = "C7F0DF7B6C7F0DF7B6C7F0DF7B6C7F0DF7B6ABCD"
    let found = try #require(
      index(
        """
        info:1:1
        pub:\(fingerprint):22:256:1795666680::
        uid:Test ed25519 (c%3Ao) <ed25519+x@example.org>:1795666680::

        """))
    #expect(found.statedCount == 1 && !found.isPartial)
    let key = try #require(found.entries.first)
    #expect(key.name.digits == fingerprint)
    #expect(key.algorithm == 22 && key.bits == 256)
    #expect(key.times == .init(created: 1_795_666_680, expires: nil))
    #expect(!key.flags.isRevoked)
    // A plus sign is one.
    #expect(key.userIDs.map(\.text) == ["Test ed25519 (c:o) <ed25519+x@example.org>"])
  }

  /// Lines that end in CR LF, unknown lines, missing first line, flags, several names, bytes that are not UTF-8.
  @Test func lenientReading() throws {
    let found = try #require(
      index(
        "pub:0x0123456789abcdef:1:4096:1:2:re\r\nuat::::\r\nuid:a%FFb%zz%4:::d\r\nuid:\r\npub:12345678\r\nnonsense\r\npub:xyz:1\r\n"
      ))
    #expect(found.statedCount == nil)
    #expect(found.entries.count == 2)
    #expect(found.entries[0].name.digits == "0123456789ABCDEF")
    #expect(found.entries[0].flags.isRevoked && found.entries[0].flags.isExpired)
    #expect(found.entries[0].userIDs[0].bytes == Array("a".utf8) + [0xFF] + Array("b%zz%4".utf8))
    #expect(found.entries[0].userIDs[0].flags.isDisabled)
    #expect(found.entries[1].bits == nil && found.entries[1].name.isShort)
  }

  @Test func hostileNumbers() throws {
    let found = try #require(
      index(
        "info:1:99999999999999999999\npub:12345678:-1:99999999999999999999:-5:9223372036854775807:\nuid:x:9223372036854775807"
      ))
    #expect(found.statedCount == nil)
    #expect(found.entries[0].algorithm == nil && found.entries[0].bits == nil)
    #expect(found.entries[0].times == .init(created: nil, expires: nil))
    #expect(try #require(index("info:1:500\n")).isPartial)
    #expect(try #require(index("info:1:-3\n")).statedCount == nil)
  }

  @Test(arguments: ["", "<html><body>info</body></html>", "no keys found", "uid:x"])
  func whatIsNoIndex(text: String) { #expect(index(text) == nil) }

  @Test(
    arguments: [
      ("DEADBEEF", "DEADBEEF"), ("0xdeadbeef", "DEADBEEF"), ("0123 4567 89ab cdef", "0123456789ABCDEF"),
      (String(repeating: "a", count: 40), String(repeating: "A", count: 40)),
      (String(repeating: "b", count: 64), String(repeating: "B", count: 64)), ("1234567", nil),
      ("DEADBEEG", nil), ("", nil), ("0x", nil), (String(repeating: "a", count: 15), nil),
    ] as [(String, String?)])
  func names(text: String, digits: String?) { #expect(KeyName(text)?.digits == digits) }

  @Test func armorInPages() {
    let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\nVersion: SKS\n\nAA\n-----END PGP PUBLIC KEY BLOCK-----"
    func blocks(_ text: String) -> String? {
      ArmoredText.blocks(in: Array(text.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }
    #expect(blocks("<html><pre>\(key)</pre></html>") == key + "\n")
    #expect(blocks(key + key) == key + "\n" + key + "\n")
    #expect(blocks("<pre>-----BEGIN PGP PUBLIC KEY BLOCK-----\nAA</pre>") == nil)
    #expect(blocks("<html>no</html>") == nil)
  }

  @Test(arguments: [
    ("hkp://keys.example.org", "http://keys.example.org:11371/"),
    ("hkp://keys.example.org:80/", "http://keys.example.org/"),
    ("hkps://keys.example.org/x/", "https://keys.example.org/x"), ("HKP://[::1]", "http://[::1]:11371/"),
    ("hkp://[::1]:99", "http://[::1]:99/"), ("https://keys.example.org", "https://keys.example.org/"),
    ("http://localhost:8080", "http://localhost:8080/"), ("hkp://h/p", "http://h:11371/p"),
  ])
  func addresses(text: String, expected: String) throws {
    #expect(try KeyserverAddress(text).address.text == expected)
  }

  @Test(arguments: [
    "", "keys.example.org", "ldap://h", "hkp://", "hkp://:11371", "https://h?x", "https://u:p@h",
    "https://h#x",
    "file:///etc/passwd", "hkps://a b", "hkp://h\u{1B}[31m",
  ])
  func refusedAddresses(text: String) {
    let error = #expect(throws: KeyserverError.self) { try KeyserverAddress(text) }
    #expect(error?.kind == .argument)
  }
}
