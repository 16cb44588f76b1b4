import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A descriptor that closures can share.
private final class Opened {
  let file: OwnedDescriptor

  init(_ file: consuming OwnedDescriptor) { self.file = file }

  func write(_ bytes: [UInt8], at offset: Int64) throws {
    try bytes.withUnsafeBytes { try file.write($0, at: offset) }
  }

  func read(_ count: Int, at offset: Int64) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 1, count: count)
    let got = try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: offset) }
    return Array(bytes[..<got])
  }
}

/// Descriptors, locks, copies and replacement files, against the kernel and coreutils.
@Suite struct FileTests {
  private let directory: Scratch

  init() throws { directory = try Scratch() }

  private func open(_ name: String, _ flags: Int32 = O_RDWR | O_CREAT) throws -> Opened {
    Opened(try OwnedDescriptor(opening: FilePath(directory.file(name)), flags: flags, mode: 0o644))
  }

  @Test func readsAndWritesAreWhole() throws {
    let opened = try open("file")
    let bytes = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    try opened.write(bytes, at: 1000)
    #expect(try opened.file.byteCount() == 301_000)
    let back = try opened.read(400_000, at: 500)
    #expect(back.count == 300_500)
    #expect(back[..<500].allSatisfy { $0 == 0 })
    #expect(back[500...].elementsEqual(bytes))
  }

  @Test func errorsNameTheCallAndTheFile() throws {
    let failure = #expect(throws: SystemError.self) { _ = try open("missing/file") }
    #expect(failure?.errno == .noSuchFileOrDirectory)
    #expect(failure?.description == "cannot open \(directory.path)/missing/file: No such file or directory")
  }

  @Test func negativeLimits() throws {
    let opened = try open("file")
    try opened.write([1, 2, 3], at: 0)
    #expect(try opened.file.readToEnd(limit: -1) == [] && opened.file.readToEnd(limit: 2) == [1, 2])
    #expect(try opened.file.copy(from: 0, count: -1, to: opened.file.rawValue) == 0)
    #expect(Workers.processors(limit: -1) == 1)
    Workers.forEach(-1, threads: -1) { _ in Issue.record("a job") }
  }

  @Test func holes() throws {
    let opened = try open("sparse")
    try opened.file.truncate(to: 1 << 40)
    #expect(try opened.file.nextData(from: 0) == nil)
    try opened.write([1], at: 1 << 30)
    let data = try #require(try opened.file.nextData(from: 0))
    #expect(data <= 1 << 30 && data > (1 << 30) - (1 << 20))
    #expect(try opened.file.nextHole(from: data) > 1 << 30)
    #expect(try opened.file.nextData(from: 1 << 39) == nil)
  }

  @Test func locksExcludeOtherDescriptors() throws {
    let first = try open("locked")
    var second: Opened? = try open("locked")
    try first.file.lock(exclusive: true, start: 10, length: 1, patience: 0)
    let failure = #expect(throws: SystemError.self) {
      try second?.file.lock(exclusive: false, start: 10, length: 1, patience: 0.02)
    }
    #expect(failure?.errno == .resourceTemporarilyUnavailable)
    try second?.file.lock(exclusive: true, start: 11, length: 1, patience: 0)
    try first.file.unlock(start: 10, length: 1)
    try second?.file.lock(exclusive: false, start: 10, length: 1, patience: 0)
    try first.file.lock(exclusive: false, start: 10, length: 1, patience: 0)
    // Closing releases.
    second = nil
    try first.file.lock(exclusive: true, start: 10, length: 2, patience: 0)
  }

  /// Into files, files opened for appending, and pipes: each is another way inside the kernel.
  @Test func copies() throws {
    let source = try open("source")
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    try source.write(bytes, at: 0)
    for (name, flags) in [("plain", O_WRONLY | O_CREAT), ("appended", O_WRONLY | O_CREAT | O_APPEND)] {
      let target = try open(name, flags)
      #expect(try source.file.copy(from: 5, count: 150_000, to: target.file.rawValue) == 150_000)
      // Behind the end there is nothing to copy.
      #expect(try source.file.copy(from: 199_990, count: 100, to: target.file.rawValue) == 10)
      #expect(try directory.read(name) == Array(bytes[5..<150_005]) + Array(bytes[199_990...]))
    }
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    #expect(try source.file.copy(from: 0, count: 1000, to: ends[1]) == 1000)
    close(ends[1])
    var received = [UInt8](repeating: 0, count: 2000)
    #expect(read(ends[0], &received, 2000) == 1000)
    #expect(received[..<1000].elementsEqual(bytes[..<1000]))
    close(ends[0])
    let full = Opened(try OwnedDescriptor(opening: "/dev/full", flags: O_WRONLY))
    let failure = #expect(throws: SystemError.self) {
      _ = try source.file.copy(from: 0, count: 10, to: full.file.rawValue)
    }
    #expect(failure?.errno == .noSpace)
  }

  @Test func replacementFiles() throws {
    let path = try directory.write("target", Array("old".utf8))
    do {
      let abandoned = try ReplacementFile(replacing: FilePath(path), mode: 0o644)
      _ = try abandoned.duplicateDescriptor()
    }
    #expect(try Tool.check(["ls", "-A", directory.path]).text == "target\n")
    #expect(try directory.read("target") == Array("old".utf8))
    var file = try ReplacementFile(replacing: FilePath(path), mode: 0o644)
    let new = Opened(try file.duplicateDescriptor())
    try new.write(Array("new".utf8), at: 0)
    #expect(try directory.read("target") == Array("old".utf8))
    try file.commit()
    #expect(try directory.read("target") == Array("new".utf8))
    #expect(try Tool.check(["ls", "-A", directory.path]).text == "target\n")
    #expect(throws: SystemError.self) {
      _ = try ReplacementFile(replacing: FilePath(directory.path), mode: 0o644)
    }
  }
}
