import Glibc
import TestSupport
import Testing

/// Layers and documents that lie, or that try to leave their image: each gives an error that says what is wrong, or an image
/// whose tree holds everything inside.
@Suite struct HostileLayerTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  private func pull(_ name: String) throws -> ToolAnswer {
    try Tool.check(["python3", Fixture.script("layout.py"), name, directory.file("layout")])
    return try Siftool.run("pull", "x.sif", "oci:layout:v1", "--arch", "amd64", in: directory)
  }

  @Test(arguments: [
    ("endless", 5, "more than 64 MiB follow the end of the archive"),
    ("many-layers", 5, "the manifest has 10000 layers; an image has at most 4096"),
    ("deep-index", 5, "more than 8 indexes lie within each other"),
    ("index-of-itself", 5, "its bytes were changed"),
    ("missing-layer", 1, "does not exist in the layout"),
    ("missing-config", 1, "does not exist in the layout"),
    ("negative", 5, "layer 1 of the manifest is malformed: its size is -1"),
    ("huge", 5, "the layers of the manifest are too long in all"), ("too-long", 5, "bytes, where"),
    ("changed", 5, "its bytes were changed"),
    ("wrong-diff-id", 5, "layer 2 has the digest sha256:"),
    ("fewer-diff-ids", 5, "the image has 2 layers, but its configuration has the digests of 1"),
    ("cut-archive", 5, "the archive ends inside an entry"), ("cut-gzip", 5, "cut off"),
    ("artifact", 1, "is that of an artifact"), ("not-a-layer", 1, "not a tar archive of files"),
    ("schema-1", 1, "schema 1"), ("deep-json", 5, "too deeply nested"),
    ("up", 5, "leads out of the root"), ("link-up", 5, "leads out of the root"),
    ("symlink-loop", 1, "a symbolic link that leads to itself"),
    ("whiteout-alone", 5, "a whiteout of an empty name"),
    ("whiteout-up", 5, "a whiteout of a name that means another directory"),
    ("link-to-nothing", 1, "nothing: a hard link to a file that no layer has"),
    ("links-in-a-circle", 1, "hard links that lead to each other"), ("link-to-directory", 1, "no layer has"),
    ("large-device", 1, "does not fit into 12 bits"), ("long-component", 5, "a name of 300 bytes"),
    ("deep", 5, "nested deeper than 4096"), ("escapes-in-error", 5, "leads out of the root"),
    ("sparse-huge", 5, "more content, than is accepted"), ("sparse-negative", 5, "sparse"),
    ("sparse-overlap", 5, "sparse"),
    ("pax-size", 5, "than is accepted"), ("pax-size-unknown-type", 5, "than is accepted"),
    ("pax-negative-size", 5, "a size"),
    ("pax-length", 5, "extended header"), ("pax-owner", 5, "a numeric field"),
    ("pax-many", 5, "extended header"),
  ])
  func isRefused(name: String, status: Int, text: String) throws {
    let answer = try pull(name)
    #expect(answer.status == Int32(status), "\(answer.status): \(answer.errors)")
    #expect(answer.errors.contains(text), "\(answer.errors)")
    #expect(!answer.errors.utf8.contains(0x1B))
    #expect(answer.errors.split(separator: "\n").count == 1)
    // Nothing has the image's name, and nothing is left beside it.
    let names = try Tool.check(["ls", "-A", directory.path]).text
    #expect(names == "layout\n", "\(names)")
  }

  @Test(arguments: [
    ("inside", "/absolute/name\n/b\n/twice/slash"),
    ("through-symlink", "/loop\n/out\n/outside/file\n/outside/other\n/up"),
    ("aufs", "/file"), ("later-target", "/link\n/target"), ("device", "/big\n/kmem"),
    ("duplicates", "/a/x\n/b\n/c\n/d/over"),
    ("escapes", "/e\\u001b[31m\\u202e\n/l"), ("unknown-type", "/file"),
    ("sparse-old", "/sparse"), ("sparse-0.0", "/sparse"), ("sparse-0.1", "/sparse"),
    ("sparse-1.0", "/sparse"),
    ("pax-values", "/p"),
  ])
  func staysInside(name: String, files: String) throws {
    let answer = try pull(name)
    try #require(answer.status == 0, "\(answer.errors)")
    #expect(!answer.errors.utf8.contains(0x1B))
    #expect(try Siftool.run("check", "x.sif", in: directory).status == 0)
    let listing = try Siftool.check("ls", "x.sif", "-R", "--ndjson", in: directory).text
    for file in files.split(separator: "\n") {
      #expect(listing.contains("\"path\":\"\(file)\""), "\(file): \(listing)")
    }
    if name.hasPrefix("sparse") {
      try Siftool.check("cat", "x.sif", "sparse", in: directory)
      let content = try Siftool.check("cat", "x.sif", "sparse", in: directory).output
      #expect(content.count == 2 << 20)
      #expect(content.firstIndex(of: UInt8(ascii: "s")) == 1 << 20)
      #expect(content.count { $0 != 0 } == 512)
    }
  }
}
