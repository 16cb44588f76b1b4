import OCI
import Testing

/// Names of images, digests and platforms.
@Suite struct ReferenceTests {
  private static let hex = String(repeating: "0123456789abcdef", count: 4)

  @Test(
    arguments: [
      ("alpine", "index.docker.io", "library/alpine", nil),
      ("//alpine:3.18", "index.docker.io", "library/alpine", "3.18"),
      ("a/b", "index.docker.io", "a/b", nil), ("docker.io/alpine", "index.docker.io", "library/alpine", nil),
      ("docker.io/a/b/c:T_1.-", "index.docker.io", "a/b/c", "T_1.-"), ("localhost/x", "localhost", "x", nil),
      ("localhost:5000/x/y:1", "localhost:5000", "x/y", "1"), ("ghcr.io/x", "ghcr.io", "x", nil),
      ("host:1/x", "host:1", "x", nil), ("[::1]:5000/x:y", "[::1]:5000", "x", "y"),
      ("a__b/c.d/e--f", "index.docker.io", "a__b/c.d/e--f", nil),
      ("127.0.0.1:65535/x", "127.0.0.1:65535", "x", nil),
    ] as [(String, String, String, String?)])
  func names(text: String, host: String, repository: String, tag: String?) throws {
    let reference = try OCIReference(text)
    #expect((reference.host, reference.repository, reference.tag) == (host, repository, tag))
    #expect(reference.selector == tag ?? "latest")
    #expect(try OCIReference(reference.description).description == reference.description)
    let pinned = try OCIReference("\(text)@sha256:\(Self.hex)")
    #expect(pinned.selector == "sha256:\(Self.hex)")
    #expect(pinned.tag == tag)
    #expect(try OCIReference(pinned.description) == pinned)
  }

  @Test(arguments: [
    "", "A", "a/", "/a", "a//b", "a:", "a:b:c", "a b", "a:-x", "a@", "a@sha256:0", "a@md5:0123", "-a", "a-",
    "a___b", "a..b", "host:0/x",
    "host:99999/x", "host:/x", "[::1/x", "[zz]/x", "a\u{1B}", "ä", "a:\u{E9}", "x.y/", "localhost:5000/",
    ".x/y", "a/\u{301}b",
  ])
  func whatIsNone(text: String) {
    #expect(throws: OCIError.self) { try OCIReference(text) }
    #expect(throws: OCIError.self) { try OCIReference("a:" + String(repeating: "x", count: 129)) }
  }

  @Test func digests() throws {
    #expect(try OCIDigest("sha256:\(Self.hex)").description == "sha256:\(Self.hex)")
    #expect(try OCIDigest("sha512:\(Self.hex)\(Self.hex)").algorithm == .sha512)
    #expect(
      try OCIDigest(of: []).description
        == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    for text in [
      "", "sha256", "sha256:", Self.hex, "sha256:\(Self.hex.uppercased())", "sha256:\(Self.hex)0",
      "SHA256:\(Self.hex)", "sha512:\(Self.hex)",
    ] {
      #expect(throws: OCIError.self) { try OCIDigest(text) }
    }
  }

  @Test(arguments: [
    ("amd64", "linux/amd64"), ("linux/x86_64", "linux/amd64"), ("aarch64", "linux/arm64"),
    ("linux/arm64/v8", "linux/arm64"),
    ("arm", "linux/arm/v7"), ("armel", "linux/arm/v6"), ("linux/arm/5", "linux/arm/v5"),
    ("i386", "linux/386"), ("riscv64", "linux/riscv64"),
  ])
  func platforms(text: String, name: String) throws { #expect(try OCIPlatform(text).description == name) }

  @Test(arguments: ["", "linux/", "a/b/c/d", "windows/amd64", "linux/a b", "/amd64"]) func noPlatforms(
    text: String
  ) {
    #expect(throws: OCIError.self) { try OCIPlatform(text) }
  }
}
