import Gcrypt
import Glibc
public import LinuxSystem
public import SIF
import SystemPackage

/// A file that a carved item was written to.
public struct ExtractedItem: Sendable {
  /// The name in the directory.
  public let name: String
  /// The SHA-256 of the file; nil if bytes could not be read, or if the item has more bytes of holes than are
  /// hashed.
  public let sha256: [UInt8]?
  /// The number of bytes that could not be read, and are zeros in the file.
  public let unreadableBytes: Int64
}

extension CarvedItem {
  /// The name of a file for the item: its offset, its length, and a suffix for its kind.
  public var fileName: String {
    let suffix =
      switch kind {
      case .clearSigned, .armor: "asc"
      case .gzip: "gz"
      case .zstd: "zst"
      case .script: "sh"
      case .text: "txt"
      case .random, .data: "bin"
      default: kind.rawValue
      }
    let digits = String(offset)
    return String(repeating: "0", count: max(12 - digits.utf8.count, 0)) + digits + "-\(length).\(suffix)"
  }

  /// Writes the item to a new file. Holes in the image stay holes in the file.
  ///
  /// - Parameters:
  ///   - storage: the image.
  ///   - directory: the directory for the file. An existing file is an error.
  /// - Throws: ``SIFError`` if the file cannot be made or written, and within ``EndingSignals/deferred(_:)`` if a signal has
  ///   come; the incomplete file is removed.
  public func extract(
    from storage: any Storage, into directory: borrowing OwnedDescriptor
  ) throws(SIFError) -> ExtractedItem {
    let name = Array(fileName.utf8)
    let path = directory.path.appending(fileName)
    let file: OwnedDescriptor
    do { file = try directory.openBeneath(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644) } catch {
      throw SIFError(SystemError(errno: error.errno, operation: "create", path: path))
    }
    do throws(SIFError) {
      return try write(from: storage, to: file, path)
    } catch {
      try? directory.remove(name)
      throw error
    }
  }

  private func write(
    from storage: any Storage, to file: borrowing OwnedDescriptor, _ path: FilePath
  ) throws(SIFError) -> ExtractedItem {
    let hasher = RegionHasher([length])
    let counter = RegionCounter(storage, [length], from: offset)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: Measurement.blockBytes, alignment: 4096)
    defer { buffer.deallocate() }
    var position: Int64 = 0
    while let piece = counter.next(into: buffer) {
      hasher.consume(piece, buffer)
      if piece.kind == .bytes {
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<Int(piece.count)])
        try Self.naming(path) { () throws(SystemError) in try file.write(bytes, at: position) }
      }
      position += piece.count
      try Self.naming(path) { () throws(SystemError) in try EndingSignals.checkNone() }
    }
    if let failure = counter.failure ?? hasher.failure { throw failure }
    try Self.naming(path) { () throws(SystemError) in try file.truncate(to: length) }
    return ExtractedItem(
      name: fileName, sha256: hasher.digests[0], unreadableBytes: counter.measures[0].unreadableBytes)
  }

  private static func naming(
    _ path: FilePath, _ body: () throws(SystemError) -> Void
  ) throws(SIFError) {
    do { try body() } catch {
      throw SIFError(SystemError(errno: error.errno, operation: error.operation, path: path))
    }
  }
}
