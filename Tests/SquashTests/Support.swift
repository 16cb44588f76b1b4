import Bytes
import Glibc
import LinuxSystem
import Squash
import Testing
import TestSupport

/// Runs a shell script, each of whose commands has to succeed; returns its output.
@discardableResult
func shell(_ script: String) throws -> String { try Shell.check("exec 2>&1; \(script)").text }

/// The bytes of a small file.
func readBytes(_ path: String) throws -> [UInt8] {
  let file = try OwnedDescriptor(opening: .init(path), flags: O_RDONLY)
  var bytes = [UInt8](repeating: 0, count: Int(try file.byteCount()))
  let count = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) }
  try #require(count == bytes.count)
  return bytes
}

/// Opens an image.
func openImage(_ path: String) throws -> SquashImage {
  try SquashImage(RandomAccessFile(adopting: try OwnedDescriptor(opening: .init(path), flags: O_RDONLY)))
}

/// Makes a directory and extracts into it.
@discardableResult
func extract(
  _ image: SquashImage, to path: String, _ adjust: (inout ExtractionOptions) -> Void = { _ in }
) throws -> ExtractionReport {
  mkdir(path, 0o755)
  var options = ExtractionOptions()
  options.isPrivileged = geteuid() == 0
  adjust(&options)
  return try image.extract(
    into: try OwnedDescriptor(opening: .init(path), flags: O_RDONLY | O_DIRECTORY), options)
}

/// Writes an image from a directory.
@discardableResult
func write(
  _ directory: String, to path: String, _ adjust: (inout WriterOptions) -> Void = { _ in }
) throws -> WriteReport {
  try writeImage(to: path, adjust) {
    try $0.add(contentsOf: try OwnedDescriptor(opening: .init(directory), flags: O_RDONLY | O_DIRECTORY))
  }
}

@discardableResult
func writeImage(
  to path: String, _ adjust: (inout WriterOptions) -> Void = { _ in }, _ fill: (SquashWriter) throws -> Void
) throws -> WriteReport {
  let file = RandomAccessFile(
    adopting: try OwnedDescriptor(opening: .init(path), flags: O_RDWR | O_CREAT | O_TRUNC, mode: 0o644))
  var options = WriterOptions()
  adjust(&options)
  let writer = try SquashWriter(file, options)
  try fill(writer)
  let report = try writer.finish()
  try file.truncate(to: report.imageBytes)
  return report
}

/// The bytes of a file.
func contents(of path: String) throws -> [UInt8] {
  let descriptor = try OwnedDescriptor(opening: .init(path), flags: O_RDONLY)
  var bytes = [UInt8](repeating: 0, count: Int(try descriptor.byteCount()))
  let count = try bytes.withUnsafeMutableBytes { try descriptor.read(into: $0, at: 0) }
  #expect(count == bytes.count)
  return bytes
}

/// A sink and a source of bytes over a file.
struct FileStream: ByteSink, ArchiveSource {
  let number: Int32

  init(_ path: String, flags: Int32) throws {
    number = open(path, flags | O_CLOEXEC, 0o644)
    try #require(number >= 0)
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let count = Glibc.write(number, base + done, bytes.count - done)
      guard count > 0 else { throw SquashError(.system, "write", errno: 5) }
      done += count
    }
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    max(Glibc.read(number, buffer.baseAddress, buffer.count), 0)
  }

  func finish() { close(number) }
}

/// Every attribute of every file of a tree, one line each, sorted; equal trees give equal listings.
func listing(_ path: String, times: Bool = true) throws -> String {
  try shell(
    """
    cd \(path)
    find . -printf '%p|%y|%m|%U|%G|\(times ? "%Ts" : "")|%l|' \\( -type d -printf '\\n' -o -printf '%n|%s\\n' \\) | sort
    find . -type f -print0 | sort -z | xargs -0 -r sha256sum
    find . \\( -type b -o -type c \\) -print0 | sort -z | xargs -0 -r stat -c '%n %t:%T'
    find . -type f -links +1 -printf '%i %p\\n' | sort -k2 | awk '{ if (!($1 in n)) n[$1] = ++c; $1 = n[$1]; print }'
    getfattr -R -h -d -m - -e hex . | sort
    """)
}

/// The differences between two trees; empty if they are equal in every attribute.
func differences(_ a: String, _ b: String) throws -> String {
  let scratch = try Scratch()
  for (name, path) in [("a", a), ("b", b)] {
    let stream = try FileStream(scratch.file(name), flags: O_WRONLY | O_CREAT)
    try Array(try listing(path).utf8).withUnsafeBytes { try stream.write($0) }
    stream.finish()
  }
  return try shell("diff -a \(scratch.file("a")) \(scratch.file("b")) | head -20 || true")
}

/// Records the differences between two trees as a failure.
func expectEqualTrees(
  _ a: String, _ b: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let found = try differences(a, b)
  if !found.isEmpty { Issue.record("\(found.prefix(2000))", sourceLocation: sourceLocation) }
}

/// A tree with one of everything, about 6 MB. The content is the same on every run.
///
/// - Parameter hardLinkedSymlink: mksquashfs turns the names of a symbolic link into links of their own.
func makeTree(_ path: String, hardLinkedSymlink: Bool = true) throws {
  try Tool.check([Fixture.script("tree-of-everything.sh"), path, hardLinkedSymlink ? "yes" : "no"])
}

/// The events of a walk: the paths and the faults.
func walk(_ bytes: [UInt8]) throws(SquashError) -> (paths: [[UInt8]], faults: [SquashError]) {
  var walker = try TreeWalker(try SquashReader(try SquashImage(MemoryReader(bytes))))
  var paths: [[UInt8]] = []
  var faults: [SquashError] = []
  while let event = try walker.next() {
    switch event {
    case .entry(let entry): paths.append(entry.path)
    case .fault(let fault): faults.append(fault)
    case .endOfDirectory, .name: break
    }
  }
  return (paths, faults)
}
