import Registry
import TestSupport
import Testing
import Transport

@Suite struct AddressTests {
  @Test(
    arguments: [
      ("https://Example.org", "https://example.org/"),
      ("http://127.0.0.1:8080/a?b=c#d", "http://127.0.0.1:8080/a?b=c"),
      ("HTTPS://h:443/x", "https://h/x"), ("https://[::1]:5000/v2/", "https://[::1]:5000/v2/"),
      ("https://h/a b/\u{E9}", "https://h/a%20b/%C3%A9"), ("https://h?q", "https://h/?q"),
      ("https://h/%41", "https://h/%41"),
    ])
  func reading(text: String, whole: String) throws {
    #expect(try HTTPAddress(text).text == whole)
  }

  @Test(
    arguments: [
      "", "h", "//h", "ftp://h", "file:///etc/passwd", "https://", "https:///x", "https://u@h",
      "https://u:p@h/",
      "https://h:0", "https://h:65536", "https://h:x", "https://h:", "https://[::1", "https://[x]",
      "https://h h/",
      "https://h/\u{1}", "https://h/a\r\nX: y", "https://-h", "https://.h", "https://h\u{E9}",
      "javascript://h",
      "https://h%2f", "https://h\\x",
    ])
  func refusing(text: String) {
    #expect(throws: TransportError.self, "\(text)") { try HTTPAddress(text) }
  }

  /// RFC 3986 section 5.4, with the schemes that count here.
  @Test(
    arguments: [
      ("g", "/b/c/g"), ("./g", "/b/c/g"), ("g/", "/b/c/g/"), ("/g", "/g"), ("?y", "/b/c/d;p?y"),
      ("g?y", "/b/c/g?y"),
      ("", "/b/c/d;p?q"), (".", "/b/c/"), ("./", "/b/c/"), ("..", "/b/"), ("../g", "/b/g"), ("../..", "/"),
      ("../../../g", "/g"), ("/./g", "/g"), ("/../g", "/g"), ("./../g", "/b/g"), ("g#s", "/b/c/g"),
      ("g;x=1/../y", "/b/c/y"), ("g?y/../x", "/b/c/g?y/../x"),
    ])
  func resolving(reference: String, path: String) throws {
    let base = try HTTPAddress("http://a/b/c/d;p?q")
    #expect(try base.resolving(reference).text == "http://a" + path)
  }

  @Test func resolvingElsewhere() throws {
    let base = try HTTPAddress("https://a:1/b")
    #expect(try base.resolving("//g:2/x").text == "https://g:2/x")
    #expect(try base.resolving("http://g").text == "http://g/")
    for reference in ["file:///etc/passwd", "javascript:x", "//", "//u@h/", "https://", "ftp://h/"] {
      #expect(throws: TransportError.self) { try base.resolving(reference) }
    }
  }

  /// Whatever a server writes, there is an address or an error, and an address stays what it is when it is read again.
  @Test func anyText() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    let base = try HTTPAddress("https://a/b?c")
    let parts = Array("ahtps:/?#[]@!$&'()*+,;=%.-_~ \u{0}\u{1B}\u{E9}\u{1F600}0129<>\\^`{|}".unicodeScalars)
    for _ in 0..<20_000 {
      var text = ["", "https://", "http://h", "/", "//"].randomElement(using: &random) ?? ""
      for _ in 0..<Int.random(in: 0..<12, using: &random) {
        text.unicodeScalars.append(parts.randomElement(using: &random) ?? "a")
      }
      guard let address = try? base.resolving(text) else { continue }
      #expect(try HTTPAddress(address.text) == address, "seed \(seed): \(text)")
      #expect(address.text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F }, "seed \(seed): \(text)")
    }
  }

  @Test func queries() throws {
    let address = try HTTPAddress("https://h/p?a=b").adding([("digest", "sha256:0"), ("x y", "&=")])
    #expect(address.text == "https://h/p?a=b&digest=sha256%3A0&x%20y=%26%3D")
    #expect(address.description == "https://h/p?…")
    #expect(try HTTPAddress("https://h/v2/").appending("/x").text == "https://h/v2/x")
  }

  @Test func fields() {
    var fields = HTTPFields([("Content-Type", "a"), ("x", "1\r\nY: 2"), ("X", "3")])
    #expect(fields["content-TYPE"] == "a")
    #expect(fields.values("x") == ["1Y: 2", "3"])
    fields.set("X", nil)
    #expect(fields.all.count == 1)
  }

  @Test func challenges() {
    func read(_ text: String...) -> [AuthenticationChallenge] { AuthenticationChallenge.challenges(in: text) }
    let one = read(
      #"Bearer realm="https://a/token?x=1,2",service="s \"q\"", scope="repository:a/b:pull,push""#)
    #expect(one.count == 1 && one[0].scheme == "bearer")
    #expect(one[0].parameters["realm"] == "https://a/token?x=1,2")
    #expect(one[0].parameters["service"] == #"s "q""#)
    #expect(one[0].parameters["scope"] == "repository:a/b:pull,push")
    let two = read(#"Negotiate, BASIC Realm = x , Bearer realm=y"#, "Digest a=b")
    #expect(two.map(\.scheme) == ["negotiate", "basic", "bearer", "digest"])
    #expect(two[1].parameters["realm"] == "x")
    // The first realm counts.
    #expect(read(#"Bearer realm="a", realm="b""#)[0].parameters["realm"] == "a")
    for text in [
      "", ",", "=", "\"", "Bearer realm=\"", "Bearer =x", "Bearer realm", "\u{1B}", "Bearer realm=\"\\",
    ] {
      _ = read(text)
    }
  }
}
