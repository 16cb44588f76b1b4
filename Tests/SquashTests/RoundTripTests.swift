import Glibc
import LinuxSystem
@testable import Squash
import TestSupport
import Testing

/// Trees stay equal in every attribute, in both directions, with foreign tools on the other side.
@Suite struct RoundTripTests {
  /// Compressor and block size.
  static let kinds: [(String, Int)] = [
    ("gzip", 4096), ("gzip", 131072), ("gzip", 1_048_576), ("zstd", 4096), ("zstd", 131072),
    ("zstd", 1_048_576),
    ("xz", 16384), ("xz", 131072), ("lz4", 65536), ("lz4", 1_048_576),
  ]

  @Test(arguments: kinds) func extractsWhatMksquashfsMade(compressor: String, blockSize: Int) throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"), hardLinkedSymlink: false)
    try shell(
      "cd \(scratch.path); mksquashfs tree image -comp \(compressor) -b \(blockSize) -noappend -quiet -no-progress"
    )
    let report = try extract(try openImage(scratch.file("image")), to: scratch.file("out"))
    #expect(report.faultCount == 0)
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
  }

  @Test(arguments: [("lzma", 131072), ("gzip", 8192)])
  func extractsWhatGensquashfsMade(compressor: String, blockSize: Int) throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try shell(
      "cd \(scratch.path); gensquashfs -q -x -k -D tree -c \(compressor) -b \(blockSize) image")
    let report = try extract(try openImage(scratch.file("image")), to: scratch.file("out"))
    #expect(report.faultCount == 0)
    // That tool stores the targets of hard-linked symbolic links, and sockets, in its own way.
    try shell("cd \(scratch.path); rdsquashfs -q -u / -p foreign -C -T -X -O image || true")
    let contents = { (path: String) in
      try shell("cd \(path); find . -type f -print0 | sort -z | xargs -0 sha256sum")
    }
    #expect(try contents(scratch.file("out")) == contents(scratch.file("tree")))
  }

  @Test(arguments: [
    ["-no-fragments"], ["-always-use-fragments"], ["-no-duplicates"], ["-noI", "-noD", "-noF", "-noX"],
    ["-noI"], ["-noD"], ["-no-exports"], ["-no-sparse"], ["-no-xattrs"],
  ])
  func extractsEveryLayout(options: [String]) throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"), hardLinkedSymlink: false)
    if options == ["-no-xattrs"] {
      try shell(
        "cd \(scratch.file("tree")); rm text random absolute size-4096; setfattr -x trusted.thing a; touch -d @5 . usr"
      )
    }
    try shell(
      "cd \(scratch.path); mksquashfs tree image -noappend -quiet -no-progress \(options.joined(separator: " "))"
    )
    try extract(try openImage(scratch.file("image")), to: scratch.file("out")) { $0.threads = 3 }
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
  }

  @Test(arguments: kinds) func foreignToolsReadWhatIsWritten(compressor: String, blockSize: Int) throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    let report = try write(scratch.file("tree"), to: scratch.file("image")) {
      $0.compression = Compression(name: compressor) ?? .zstd
      $0.blockSize = blockSize
    }
    #expect(report.duplicates >= 2)
    try shell("cd \(scratch.path); unsquashfs -q -n -d unsquashed image")
    try expectEqualTrees(scratch.file("tree"), scratch.file("unsquashed"))
    try shell("cd \(scratch.path); mkdir mnt; mount -o loop,ro -t squashfs image mnt")
    try expectEqualTrees(scratch.file("tree"), scratch.file("mnt"))
    try shell("umount \(scratch.file("mnt"))")
    try extract(try openImage(scratch.file("image")), to: scratch.file("out"))
    try expectEqualTrees(scratch.file("tree"), scratch.file("out"))
    let foreign = try shell(
      "cd \(scratch.path); mkdir ng; rdsquashfs -q -u / -p ng -C -T -X -O image; cd ng; find . -type f -print0 | sort -z | xargs -0 sha256sum"
    )
    #expect(
      try shell("cd \(scratch.file("tree")); find . -type f -print0 | sort -z | xargs -0 sha256sum")
        == foreign)
  }

  @Test func theBytesDoNotDependOnTheThreads() throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    for threads in [1, 2, 3, 8] {
      try write(scratch.file("tree"), to: scratch.file("image-\(threads)")) {
        $0.threads = threads
        $0.blockSize = 16384
      }
    }
    let first = try contents(of: scratch.file("image-1"))
    for threads in [2, 3, 8] { #expect(try contents(of: scratch.file("image-\(threads)")) == first) }
  }

  @Test func timesAndOwnersCanBeFixed() throws {
    let scratch = try Scratch()
    try makeTree(scratch.file("tree"))
    try write(scratch.file("tree"), to: scratch.file("image")) {
      $0.allRoot = true
      $0.latestTime = 1_000_000_000
      $0.creationTime = 1_000_000_000
      $0.keepsAttributes = false
    }
    let image = try openImage(scratch.file("image"))
    #expect(image.superblock.creationTime == 1_000_000_000)
    #expect(image.superblock.xattrTableStart == nil)
    #expect(image.superblock.exportTableStart != nil)
    var walker = try TreeWalker(try SquashReader(image))
    while let event = try walker.next() {
      guard case .entry(let entry) = event else { continue }
      #expect(entry.inode.userID == 0 && entry.inode.groupID == 0)
      #expect(entry.inode.modificationTime <= 1_000_000_000)
    }
  }

  @Test func oneImageIsNotMuchLongerThanMksquashfsMakesIt() throws {
    let scratch = try Scratch()
    try shell("mkdir \(scratch.file("tree")); cp -a /usr/share/perl /usr/include \(scratch.file("tree"))")
    // Source text is where the default search of zstd loses most: less than one percent on a system's tree.
    for (compressor, limit) in [("gzip", 1.01), ("zstd", 1.025)] {
      try shell(
        "cd \(scratch.path); mksquashfs tree foreign-\(compressor) -comp \(compressor) -noappend -quiet -no-progress"
      )
      let report = try write(scratch.file("tree"), to: scratch.file("image")) {
        $0.compression = Compression(name: compressor) ?? .zstd
      }
      let foreign = try contents(of: scratch.file("foreign-\(compressor)")).count
      #expect(Double(report.imageBytes) <= limit * Double(foreign))
    }
  }

  /// Beyond the end of a file that became shorter there are no zeros.
  @Test(arguments: [0, 300_000, 999_999]) func filesThatBecomeShorter(length: Int) throws {
    let scratch = try Scratch()
    try shell("head -c 1000000 /dev/urandom > \(scratch.file("file"))")
    #expect(throws: SquashError(.system, "it became shorter while it was read")) {
      try writeImage(to: scratch.file("image")) { writer in
        let file = OpenFile(try OwnedDescriptor(opening: .init(scratch.file("file")), flags: O_RDWR))
        try file.descriptor.truncate(to: Int64(length))
        _ = try writer.store(file, size: 1_000_000)
      }
    }
  }
}
