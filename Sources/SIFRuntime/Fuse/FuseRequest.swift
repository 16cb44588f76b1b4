import CLinux
import Glibc
import LinuxSystem

/// A request of the kernel, in the buffer that it was read into: a header of 40 bytes, then the arguments of
/// the operation, in the machine's byte order (spec/runtime.md "The FUSE connection").
struct FuseRequest {
  /// The length of every request's header.
  static let headerSize = 40

  private let bytes: UnsafeRawBufferPointer

  /// Makes a request from a buffer; nil if it is shorter than its header, or its length differs from the one
  /// in the header.
  init?(_ bytes: UnsafeRawBufferPointer) {
    guard bytes.count >= Self.headerSize, bytes.load(as: UInt32.self) == UInt32(bytes.count) else {
      return nil
    }
    self.bytes = bytes
  }

  /// The operation that is asked for.
  var operation: UInt32 { field(4) }
  /// The number that the reply must carry.
  var unique: UInt64 { field(8) }
  /// The inode that it is about.
  var node: UInt64 { field(16) }

  /// The user who asks.
  var user: UInt32 { field(24) }

  /// A field of the operation's own structure; zero if the request is too short for it.
  func argument<Value: FixedWidthInteger>(_ offset: Int) -> Value { field(Self.headerSize + offset) }

  private func field<Value: FixedWidthInteger>(_ offset: Int) -> Value {
    guard offset + MemoryLayout<Value>.size <= bytes.count else { return 0 }
    return bytes.loadUnaligned(fromByteOffset: offset, as: Value.self)
  }

  /// The name after the operation's structure of `offset` bytes, without its NUL.
  func name(_ offset: Int) -> [UInt8] {
    Array(bytes.dropFirst(Self.headerSize + offset).prefix { $0 != 0 })
  }
}

/// The reply to a request, collected in its own buffer: a header of 16 bytes, then the operation's result.
struct FuseReply: ~Copyable {
  /// The length of every reply's header.
  static let headerSize = 16
  /// The kernel asks for at most 256 pages at once.
  static let longest = 256 * 4096

  private let start: UnsafeMutableRawPointer
  private(set) var count = 0

  init() { start = .allocate(byteCount: Self.headerSize + Self.longest, alignment: 64) }

  deinit { start.deallocate() }

  /// Discards the collected bytes.
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

  /// Removes everything after the first `count` bytes.
  mutating func shorten(to count: Int) { self.count = count }

  /// Sends the collected bytes as the reply, or an error without data.
  ///
  /// A failure to send is ignored: the kernel refuses replies to requests that were interrupted or are not
  /// waited for any more.
  func send(to device: Int32, unique: UInt64, errno: Int32 = 0) {
    let length = Self.headerSize + (errno == 0 ? count : 0)
    storeHeader(length, unique, errno)
    _ = write(device, start, length)
  }

  /// Sends bytes from another buffer as the reply.
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
