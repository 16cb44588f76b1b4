/// Zeros to write or hash in place of a file's holes.
public enum Zeros {
  /// 256 KiB of zeros, which exist as long as the process.
  nonisolated(unsafe) public static let bytes: UnsafeRawBufferPointer = {
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 4096)
    bytes.initializeMemory(as: UInt8.self, repeating: 0)
    return UnsafeRawBufferPointer(bytes)
  }()
}
