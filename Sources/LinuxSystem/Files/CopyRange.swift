import CLinux
import Glibc

extension OwnedDescriptor {
  /// Copies a range of this file to another descriptor's current position, inside the kernel if possible.
  ///
  /// - Parameters:
  ///   - offset: where the range begins, in bytes.
  ///   - count: the length of the range in bytes.
  ///   - target: a descriptor open for writing: a file, a pipe, a terminal. The caller keeps it.
  /// - Returns: the number of bytes copied: `count`, or fewer if this file ends before.
  public func copy(from offset: Int64, count: Int64, to target: Int32) throws(SystemError) -> Int64 {
    // The kernel refuses a way for these two files at its first call, or the way copies everything.
    if let copied = try copyFileRange(offset, count, target) { return copied }
    if let copied = try sendFile(offset, count, target) { return copied }
    return try readAndWrite(offset, count, target)
  }

  /// The most bytes that one call moves, so that an interruption is noticed soon.
  private static let step: Int64 = 1 << 30

  /// From file to file. Returns nil if the kernel cannot do it. Only this way shares blocks.
  private func copyFileRange(_ offset: Int64, _ count: Int64, _ target: Int32) throws(SystemError) -> Int64? {
    var position = Int(offset)
    return try move(count, "write") { wanted in
      linux_copy_file_range(rawValue, &position, target, wanted)
    }
  }

  /// From a file to anything. Returns nil if the kernel cannot do it.
  private func sendFile(_ offset: Int64, _ count: Int64, _ target: Int32) throws(SystemError) -> Int64? {
    var position = Int(offset)
    return try move(count, "write") { wanted in linux_sendfile(target, rawValue, &position, wanted) }
  }

  private func move(
    _ count: Int64, _ operation: String, _ call: (Int) -> Int
  ) throws(SystemError) -> Int64? {
    var done: Int64 = 0
    while done < count {
      do {
        let moved = try SystemError.check(operation, nil) { call(Int(min(count - done, Self.step))) }
        if moved == 0 { break }
        done += Int64(moved)
      } catch  where done == 0 {
        switch error.errno {
        case .invalidArgument, .noFunction, .improperLink, .badFileDescriptor, .notSupported,
          .notPermitted, .textFileBusy:
          return nil
        default: throw error
        }
      }
    }
    // Some files, for example in /proc, have a length but no data this way. They are read instead.
    return done == 0 && count > 0 ? nil : done
  }

  /// From anything to anything.
  private func readAndWrite(_ offset: Int64, _ count: Int64, _ target: Int32) throws(SystemError) -> Int64 {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { buffer.deallocate() }
    var done: Int64 = 0
    while done < count {
      let wanted = Int(min(Int64(buffer.count), count - done))
      let read = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: offset + done)
      if read == 0 { break }
      try SystemError.writeAll(UnsafeRawBufferPointer(rebasing: buffer[..<read]).bytes, to: target)
      done += Int64(read)
    }
    return done
  }
}

extension SystemError {
  /// Writes all bytes to a descriptor's current position.
  public static func writeAll(_ bytes: RawSpan, to target: Int32) throws(SystemError) {
    var rest = bytes
    while rest.byteCount > 0 {
      let written = try check("write") {
        rest.withUnsafeBytes { Glibc.write(target, $0.baseAddress, $0.count) }
      }
      rest = rest.extracting(droppingFirst: written)
    }
  }
}
