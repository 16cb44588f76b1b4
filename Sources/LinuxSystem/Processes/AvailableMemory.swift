import Glibc

/// The memory of the machine.
package enum AvailableMemory {
  /// The kernel's own estimate of the memory that is free without swapping, in bytes; nil if it gives none.
  package static var byteCount: Int64? {
    let file = open("/proc/meminfo", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var text = [UInt8](repeating: 0, count: 8192)
    let count = text.withUnsafeMutableBytes { read(file, $0.baseAddress, $0.count) }
    guard count > 0 else { return nil }
    for line in text[..<count].split(separator: 0x0A) where line.starts(with: Array("MemAvailable:".utf8)) {
      let digits = line.filter { (0x30...0x39).contains($0) }
      guard let number = Int64(String(decoding: digits, as: UTF8.self)) else { return nil }
      let (bytes, overflow) = number.multipliedReportingOverflow(by: 1024)
      return overflow ? .max : bytes
    }
    return nil
  }
}
