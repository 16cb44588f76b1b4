import Library
import Testing

@Suite struct ReferenceTests {
  /// A reference, its host, its path, its tags, and the file that a pull makes.
  @Test(
    arguments: [
      ("library://alpine", nil, "alpine", ["latest"], "alpine_latest.sif"),
      ("library://alpine:3.20", nil, "alpine", ["3.20"], "alpine_3.20.sif"),
      ("library://default/alpine", nil, "default/alpine", ["latest"], "alpine_latest.sif"),
      ("library://e/c/n:v1,v2", nil, "e/c/n", ["v1", "v2"], "n_v1.sif"),
      ("library://localhost:5000/e/c/n:v1", "localhost:5000", "e/c/n", ["v1"], "n_v1.sif"),
      ("library://library.example.org/e/c/n", "library.example.org", "e/c/n", ["latest"], "n_latest.sif"),
      // Two slashes: no host, as it looks like one or not.
      ("library://host/alpine", nil, "host/alpine", ["latest"], "alpine_latest.sif"),
      ("library:alpine:edge", nil, "alpine", ["edge"], "alpine_edge.sif"),
      ("library:///e/c/n", nil, "e/c/n", ["latest"], "n_latest.sif"),
      ("alpine", nil, "alpine", ["latest"], "alpine_latest.sif"),
      ("library://e/c/n_1.2-x", nil, "e/c/n_1.2-x", ["latest"], "n_1.2-x_latest.sif"),
    ] as [(String, String?, String, [String], String)])
  func reference(text: String, host: String?, path: String, tags: [String], file: String) throws {
    let reference = try LibraryReference(text)
    #expect(reference.host == host)
    #expect(reference.pathText == path)
    #expect(reference.tags == tags)
    #expect(reference.fileName == file)
    #expect(reference.sha256 == nil)
    #expect(try LibraryReference(reference.description) == reference)
  }

  @Test func hash() throws {
    let digits = String(repeating: "0f", count: 32)
    let reference = try LibraryReference("library://e/c/n:sha256.\(digits)")
    #expect(reference.sha256 == digits)
    #expect(try LibraryReference("library://e/c/n:sha256.0f").sha256 == nil)
    #expect(try LibraryReference("library://e/c/n:sha256.\(digits.uppercased())").sha256 == nil)
  }

  @Test(arguments: [
    "", "library://", "library://:tag", "library://Alpine", "library://a b", "library://e/c/n:",
    "library://e//n",
    "library://e/c/n:a,,b", "library://a/b/c/d/e", "docker://alpine", "library://user@host/e/c/n",
    "library://e/c/n?x=y", "library://e/c/n#x", "library://-a", "library://a..b", "library://e/c/..",
    "library://e/c/n:-x", "library://e/c/n:a/b", "library://h\u{1B}/e/c/n", "library://e/c/n:t\u{202E}",
    "library://h/e/c/n/m",
  ])
  func refusal(text: String) {
    #expect(throws: LibraryError.self) { try LibraryReference(text) }
  }
}
