import Bytes
import Glibc
import LinuxSystem
import LUKS
import SIF
import Squash
import SystemPackage
import Testing
import TestSupport

/// Bytes that cannot be read, or that fail at one place.
private struct FailingBytes: RandomAccess, RandomWritable {
  let fault: StorageFault
  var byteCount: Int64 = 1 << 20

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    throw fault
  }
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) { throw fault }
}

/// Bytes that no file holds.
private struct MadeBytes: RandomAccess {
  let byteCount: Int64 = 100
  var origin: Int64? { nil }
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) -> Int { 0 }
}

@Suite struct WindowTests {
  private let bytes = (0..<200).map { UInt8($0) }

  /// Any range of any window equals the same range of the bytes.
  @Test func showsItsRange() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SeededRandom(seed: seed)
    for _ in 0..<2000 {
      let start = Int.random(in: 0...220, using: &random)
      let count = Int.random(in: 0...220, using: &random)
      let window = Window(MemoryReader(bytes), start: Int64(start), byteCount: Int64(count))
      let offset = Int.random(in: -3...230, using: &random)
      let wanted = Int.random(in: 0...50, using: &random)
      let part = bytes.dropFirst(start).prefix(count)
      let expected = offset < 0 ? [] : Array(part.dropFirst(offset).prefix(wanted))
      #expect(try window.read(wanted, at: Int64(offset)) == expected, "seed \(seed)")
    }
  }

  /// Counts and ranges that make no sense are an error or nothing, never a trap.
  @Test func impossibleCountsAndRanges() throws {
    for count in [-1, Int.min] {
      let error = #expect(throws: StorageFault.self) { try MemoryReader(bytes).read(count, at: 0) }
      #expect(error?.code == .invalidArgument && error?.kind == .argument)
    }
    #expect(try MemoryReader(bytes).read(0, at: 0) == [])
    let widest = Window(MemoryReader(bytes), Int64.min..<Int64.max)
    #expect(try widest.read(3, at: 0) == [] && widest.byteCount == .max)
  }

  /// A window knows its place in the file, also in other windows; bytes that are in no file have none.
  @Test func placesInTheFile() {
    let outer = Window(MemoryReader(bytes), start: 40, byteCount: 100)
    #expect(outer.origin == 40 && Window(outer, start: 5, byteCount: 9).origin == 45)
    #expect(MemoryReader(bytes).origin == 0)
    #expect(Window(outer, start: .max, byteCount: 1).origin == nil)
    let made = Window(MadeBytes(), start: 5, byteCount: 9)
    #expect(made.origin == nil && Window(made, start: 0, byteCount: 1).origin == nil)
  }

  @Test func windowsOfWindows() throws {
    let outer = Window(MemoryReader(bytes), 10..<110)
    let inner = Window(outer, start: 90, byteCount: 50)
    #expect(inner.byteCount == 50)
    #expect(try inner.read(50, at: 0) == Array(100..<110))
    #expect(try Window(outer, start: .max, byteCount: .max).read(1, at: 0) == [])
    #expect(try Window(outer, start: .max, byteCount: .max).read(1, at: .max - 1) == [])
    #expect(try Window(outer, start: 5, byteCount: -1).read(1, at: 0) == [])
  }

  @Test func readsExactly() throws {
    let window = Window(MemoryReader(bytes), 10..<20)
    var buffer = [UInt8](repeating: 0, count: 4)
    try buffer.withUnsafeMutableBytes { try window.readExactly(into: $0, at: 6) }
    #expect(buffer == [16, 17, 18, 19])
    do throws(StorageFault) {
      let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 4, alignment: 1)
      defer { room.deallocate() }
      try window.readExactly(into: room, at: 7, "it ends in a number")
      Issue.record("nothing was wrong")
    } catch {
      #expect(error.code == .truncated && error.offset == 7)
      #expect(error.description == "it ends in a number")
    }
  }

  @Test func writes() throws {
    let memory = MemoryStorage(bytes, limit: 300)
    let window = WritableWindow(memory, start: 100, byteCount: 10)
    try window.write(([1, 2, 3] as [UInt8]).span.bytes, at: 8)
    #expect(Array(memory.bytes[107..<112]) == [107, 1, 2, 3, 111])
    #expect(try window.read(20, at: 7) == [107, 1, 2])
    // It may grow beyond its end, but not beyond the bytes beneath.
    try window.write(([9] as [UInt8]).span.bytes, at: 199)
    #expect(memory.bytes.count == 300 && memory.bytes.last == 9)
    for offset in [-1, 200, Int64.max, Int64.min] {
      #expect(throws: StorageFault.self) { try window.write(([1] as [UInt8]).span.bytes, at: offset) }
    }
    #expect(memory.bytes.count == 300)
  }

  /// A failure at a byte of the file appears in a window as a failure at a byte of the window.
  @Test func faultsHaveThePlaceInTheWindow() {
    let failing = FailingBytes(fault: StorageFault(.truncated, "gone", offset: 150))
    for (start, offset) in [(100, 50), (150, 0), (151, nil)] as [(Int64, Int64?)] {
      let window = WritableWindow(failing, start: start, byteCount: 100)
      do throws(StorageFault) { _ = try window.read(1, at: 0) } catch { #expect(error.offset == offset) }
      do throws(StorageFault) { try window.write(([1] as [UInt8]).span.bytes, at: 0) } catch {
        #expect(error.offset == offset)
      }
    }
  }
}

/// A fault of storage stays the same fault, whatever format is read from it.
@Suite struct StorageFaultTests {
  private static let system = SystemError(
    errno: .ioError, operation: "read", path: FilePath("/tmp/image.sif"))

  private static let faults:
    [(StorageFault, sif: SIFError.Code, squash: SquashError.Code, luks: LUKSError.Code)] =
      [
        (StorageFault(.truncated, "it ends", offset: 7), .truncated, .truncated, .truncated),
        (
          StorageFault(.invalidArgument, "no such place"), .invalidArgument, .invalidArgument,
          .invalidArgument
        ),
        (StorageFault(.limitExceeded, "too much"), .limitExceeded, .limitExceeded, .truncated),
        (StorageFault(.system, "the disk failed"), .system, .system, .system),
        (StorageFault(.source, "the cipher failed"), .malformed, .library, .library),
        (StorageFault(.source, causedBy: system), .system, .system, .system),
        (StorageFault(.system, causedBy: system), .system, .system, .system),
      ]

  @Test func everyErrorTakesThemAlike() {
    for (fault, sif, squash, luks) in Self.faults {
      let errors = (SIFError(fault), SquashError(fault), LUKSError(fault))
      #expect((errors.0.code, errors.1.code, errors.2.code) == (sif, squash, luks), "\(fault)")
      #expect(errors.0.message == fault.description, "\(fault)")
      #expect(errors.1.what == fault.description, "\(fault)")
      #expect(errors.2.message == fault.description, "\(fault)")
      if fault.underlying == nil {
        #expect(errors.0.offset == fault.offset && errors.1.offset == fault.offset, "\(fault)")
      } else {
        // The operating system's error keeps its number.
        #expect(errors.0.system == Self.system && errors.1.errno == EIO && errors.2.errno == EIO)
        #expect(errors.0.description == "cannot read /tmp/image.sif: Input/output error")
      }
    }
  }

  /// Each reader passes it on: window, squashfs, header and payload of a volume.
  @Test func everyReaderLetsThemThrough() throws {
    for (fault, _, squash, luks) in Self.faults where fault.offset == nil {
      let window = Window(FailingBytes(fault: fault), start: 4096, byteCount: 65536)
      do throws(SquashError) {
        _ = try SquashImage(window)
        Issue.record("it opened")
      } catch { #expect(error.code == squash && error.what == fault.description, "\(fault)") }
      do throws(LUKSError) {
        _ = try VolumeHeader(checking: window)
        Issue.record("it opened")
      } catch { #expect(error.code == luks && error.message == fault.description, "\(fault)") }
    }
  }

  /// A squashfs writer fails with the reason of its destination.
  @Test func everyWriterLetsThemThrough() {
    let fault = StorageFault(.system, causedBy: SystemError(errno: .noSpace, operation: "write"))
    do throws(SquashError) {
      let writer = try SquashWriter(FailingBytes(fault: fault), WriterOptions())
      _ = try writer.finish()
      Issue.record("it was written")
    } catch {
      #expect(error.code == .system && error.errno == ENOSPC)
      #expect(error.what == "cannot write: No space left on device")
    }
  }

  /// An unreadable file causes the same fault in every reader.
  @Test func aFileThatIsNotReadable() throws {
    let scratch = try Scratch()
    let path = try scratch.write("file", [1, 2, 3])
    let file = RandomAccessFile(
      adopting: try OwnedDescriptor(opening: FilePath(path), flags: O_WRONLY))
    let sentence = "cannot read \(path): Bad file descriptor"
    do throws(SquashError) { _ = try SquashImage(file) } catch {
      #expect(error.code == .system && error.errno == EBADF && error.description == sentence)
    }
    do throws(LUKSError) { _ = try VolumeHeader(checking: file) } catch {
      #expect(error.code == .system && error.errno == EBADF && error.description == sentence)
    }
  }
}
