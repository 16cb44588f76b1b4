import Glibc
import SIF
import SystemPackage
import TestSupport
import Testing

@testable import Forensics

@Suite struct ScanTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  private func paths(_ roots: [String], shard: Shard = .whole, same: Bool = false) -> [String] {
    var scan = DirectoryScan(roots.map { FilePath($0) }, shard: shard, staysOnFileSystem: same)
    var paths: [String] = []
    while let event = scan.next() {
      switch event {
      case .image(let found): paths.append(String(decoding: found.path, as: UTF8.self))
      case .obstacle(let obstacle):
        paths.append("\(String(decoding: obstacle.path, as: UTF8.self)): \(obstacle.error.errno.rawValue)")
      }
    }
    return paths
  }

  private func shell(_ script: String) throws { try Shell.check(script, in: directory) }

  /// Images are found by their content alone; nothing else is opened, followed, or waited for.
  @Test func whatIsFound() throws {
    let image = Fixture.path("images/empty.sif")
    try shell(
      """
      mkdir -p b/sub c; cp \(image) b/x.txt; cp \(image) b/sub/z; cp \(image) a; cp \(image) c/gone.sif; truncate -s 30 c/gone.sif
      cp \(image) b-1; head -c 42 \(image) > header-only; echo text > d.sif; : > empty.sif; mkfifo pipe.sif; ln -s b/x.txt link.sif
      ln -s . loop; ln -s /nowhere dangling; ln -s b linked; mknod null.sif c 1 3; printf x | dd of=zeros bs=1 seek=1M 2>/dev/null
      """)
    let root = directory.path
    let found = ["\(root)/a", "\(root)/b/sub/z", "\(root)/b/x.txt", "\(root)/b-1", "\(root)/header-only"]
    #expect(paths([root]) == found)
    #expect(paths(["\(root)/"]) == found)
    #expect(paths(["\(root)/link.sif"]) == ["\(root)/link.sif"])
    #expect(
      paths(["\(root)/linked", "\(root)/a"]) == ["\(root)/linked/sub/z", "\(root)/linked/x.txt", "\(root)/a"])
    #expect(paths(["\(root)/pipe.sif"]) == ["\(root)/pipe.sif: \(EINVAL)"])
    #expect(paths(["\(root)/nothing"]) == ["\(root)/nothing: \(ENOENT)"])
  }

  @Test func mounts() throws {
    let image = Fixture.path("images/empty.sif")
    // A mount that contains itself, and another file system, in namespaces of their own.
    let answer = try Tool.check(
      [
        "unshare", geteuid() == 0 ? "-m" : "-rm", "sh", "-ec",
        """
        mkdir -p a/self other; cp \(image) a/x; mount --bind a a/self; mount -t tmpfs none other; cp \(image) other/y
        \(Fixture.siftool) scan . -q | grep -o '"path":"[^"]*"'; \(Fixture.siftool) scan -x . -q | grep -o '"path":"[^"]*"'
        """,
      ], in: directory.path)
    #expect(answer.text == "\"path\":\"./a/x\"\n\"path\":\"./other/y\"\n\"path\":\"./a/x\"\n")
  }

  @Test func depth() throws {
    let image = Fixture.path("images/empty.sif")
    // Deeper than any path that one system call accepts.
    try shell(
      """
      cp \(image) near; i=0; while [ $i -lt 300 ]; do mkdir -p level; cd -P level; i=$((i + 1)); [ $i != 255 ] || cp \(image) far; done
      """)
    let found = paths([directory.path])
    #expect(found.count == 3, "\(found)")
    #expect(found.contains { $0.hasSuffix("/far") } && found.contains { $0.hasSuffix(": \(ELOOP)") })
  }

  @Test func shards() throws {
    #expect(Shard("0/3") == nil && Shard("4/3") == nil && Shard("1/0") == nil && Shard("x") == nil)
    #expect(Shard("1/3/3") == nil && Shard("+1/3") == nil && Shard("") == nil && Shard("1/1000001") == nil)
    // The specification's example: sha256("a/b") begins with c14cddc033f64b9d.
    let digest: UInt64 = 0xc14c_ddc0_33f6_4b9d
    for count in [1, 2, 3, 16, 999_999] {
      let own = Int(digest % UInt64(count)) + 1
      #expect(Shard(own, of: count)?.contains(Array("a/b".utf8)) == true)
      #expect(count == 1 || Shard(own % count + 1, of: count)?.contains(Array("a/b".utf8)) == false)
    }
    let image = Fixture.path("images/empty.sif")
    try shell("mkdir -p x/y; for i in $(seq 40); do cp \(image) x/$i; cp \(image) x/y/$i; done")
    let whole = paths([directory.path])
    #expect(whole.count == 80)
    for count in [2, 3, 7] {
      let parts = try (1...count).map { paths([directory.path], shard: try #require(Shard($0, of: count))) }
      #expect(parts.flatMap { $0 }.sorted() == whole.sorted() && parts.allSatisfy { !$0.isEmpty })
      // The part depends on the path from the root: not on the root's own path, nor on the content.
      let moved = try Scratch()
      try Tool.check(["cp", "-r", "\(directory.path)/x", moved.path])
      try Tool.check(["sh", "-c", "for f in x/y/*; do printf more >> $f; done"], in: moved.path)
      let second = paths([moved.path], shard: try #require(Shard(2, of: count)))
      #expect(second == parts[1].map { $0.replacing(directory.path, with: moved.path) })
    }
  }

  @Test func records() throws {
    func take(_ text: String, by count: Int) throws -> RecordedImages {
      var recorded = RecordedImages(policy: "P")
      let bytes = Array(text.utf8)
      for start in stride(from: 0, to: bytes.count, by: count) {
        try recorded.take(bytes[start..<min(start + count, bytes.count)])
      }
      return recorded
    }
    let line = #"{"path":"a","policy":"P","size":3,"inode":4,"modifiedAt":"2020-01-01T00:00:00.000000000Z"}"#
    // The last record of a state counts, and one of another policy or of none does not.
    let others = [line.replacing("\"P\"", with: "\"Q\""), line.replacing("\"policy\":\"P\",", with: "")]
    for other in others {
      #expect(try take("\(line)\n\(other)\n", by: 64).count == 0)
      #expect(try take("\(other)\n\(line)\n", by: 64).count == 1)
    }
    let failed = #"{"path":"b","error":{"code":"system"}}"#
    for count in [1, 7, 10_000] {
      let recorded = try take("\(line)\n\(failed)\n\(line)\n\(line.dropLast(5))", by: count)
      #expect(
        recorded.count == 1 && recorded.wholeBytes == Int64(2 * line.utf8.count + failed.utf8.count + 3))
      #expect(try take("\0\0\0\0", by: count).wholeBytes == 0)
      // Only a record's beginning, or the zeros that a power cut leaves, may be cut off.
      for rest in ["", "{", #"{"pa"#, "\0\0", "{\0\0"] { try take("\(line)\n\(rest)", by: count).checkRest() }
      for rest in ["x", " ", "\0\0SIF_MAGIC", "#!/bin/sh"] {
        #expect { try take("\(line)\n\(rest)", by: count).checkRest() } throws: {
          ($0 as? HashError)?.code == .list
        }
      }
      for bad in [
        "", "[]", "x", "\0", #"{"path":1}"#, #"{"path":"a"}"#, line.replacing("3", with: "\"3\""),
        line.replacing("\"path\"", with: "\"pathBytes\":\"zz\",\"path\""),
      ] {
        #expect { try take("\(line)\n\(bad)\n", by: count) } throws: { ($0 as? HashError)?.code == .list }
      }
    }
    #expect {
      try take(String(repeating: " ", count: RecordedImages.longestRecord + 1), by: 1 << 20)
    } throws: {
      ($0 as? HashError)?.code == .list
    }
  }
}
