import CLinux
import Glibc
import LinuxSystem

/// A request of the kernel, in the buffer that it was read into: a header of 40 bytes, then what its operation
/// takes, all in the machine's byte order (spec/runtime.md "The FUSE connection").
struct FuseRequest {
  /// The length of the header of every request.
  static let headerSize = 40

  private let bytes: UnsafeRawBufferPointer

  /// A request in a buffer; nil where it is shorter than its header, or not as long as that says.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.headerSize, bytes.load(as: UInt32.self) == UInt32(bytes.count) else {
      return nil
    }
    self.bytes = bytes
  }

  /// What is asked for.
  var operation: UInt32 { field(4) }
  /// The number that the answer bears.
  var unique: UInt64 { field(8) }
  /// The inode concerned.
  var node: UInt64 { field(16) }

  /// The user who asks.
  var user: UInt32 { field(24) }

  /// A field of the operation's own structure; zero where the request is too short for it.
  func argument<Value: FixedWidthInteger>(_ offset: Int) -> Value { field(Self.headerSize + offset) }

  private func field<Value: FixedWidthInteger>(_ offset: Int) -> Value {
    guard offset + MemoryLayout<Value>.size <= bytes.count else { return 0 }
    return bytes.loadUnaligned(fromByteOffset: offset, as: Value.self)
  }

  /// The name behind the operation's structure of `offset` bytes, without its NUL.
  func name(_ offset: Int) -> [UInt8] {
    Array(bytes.dropFirst(Self.headerSize + offset).prefix { $0 != 0 })
  }
}

/// The answer to a request, gathered in a buffer of its own: a header of 16 bytes, then what the operation gives.
struct FuseReply: ~Copyable {
  /// The length of the header of every answer.
  static let headerSize = 16
  /// The kernel asks for at most 256 pages at once.
  static let longest = 256 * 4096

  private let start: UnsafeMutableRawPointer
  private(set) var count = 0

  init() { start = .allocate(byteCount: Self.headerSize + Self.longest, alignment: 64) }

  deinit { start.deallocate() }

  /// Forgets what was gathered.
  mutating func clear() { count = 0 }

  /// Appends an integer. The caller keeps to ``longest``.
  mutating func append<Value: FixedWidthInteger>(_ value: Value) {
    start.storeBytes(of: value, toByteOffset: Self.headerSize + count, as: Value.self)
    count += MemoryLayout<Value>.size
  }

  /// Appends bytes. The caller keeps to ``longest``.
  mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let base = bytes.baseAddress else { return }
    (start + Self.headerSize + count).copyMemory(from: base, byteCount: bytes.count)
    count += bytes.count
  }

  /// Appends bytes. The caller keeps to ``longest``.
  mutating func append(_ bytes: [UInt8]) {
    bytes.withUnsafeBytes { append($0) }
  }

  /// Takes back what was appended since there were `count` bytes.
  mutating func shorten(to count: Int) { self.count = count }

  /// Sends what was gathered as the answer, or an error without anything.
  ///
  /// The kernel refuses answers to requests that were interrupted, or that nobody waits for any more: no failure
  /// of sending is one of the server's.
  func send(to device: Int32, unique: UInt64, errno: Int32 = 0) {
    let length = Self.headerSize + (errno == 0 ? count : 0)
    storeHeader(length, unique, errno)
    _ = write(device, start, length)
  }

  /// Sends bytes that lie elsewhere as the answer.
  func send(_ bytes: UnsafeRawBufferPointer, to device: Int32, unique: UInt64) {
    storeHeader(Self.headerSize + bytes.count, unique, 0)
    var parts = [
      iovec(iov_base: start, iov_len: Self.headerSize),
      iovec(iov_base: UnsafeMutableRawPointer(mutating: bytes.baseAddress), iov_len: bytes.count),
    ]
    _ = writev(device, &parts, 2)
  }

  private func storeHeader(_ length: Int, _ unique: UInt64, _ errno: Int32) {
    start.storeBytes(of: UInt32(length), as: UInt32.self)
    start.storeBytes(of: -errno, toByteOffset: 4, as: Int32.self)
    start.storeBytes(of: unique, toByteOffset: 8, as: UInt64.self)
  }
}
