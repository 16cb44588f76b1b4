public import Bytes
public import Gcrypt
import Glibc
import LinuxSystem
public import SystemPackage

/// A download to a file. The bytes are hashed while they are written; the file gets its name when it is whole and right; and
/// what was written is kept for the next try if the download stops before that.
public struct FileDownload {
  /// The file.
  public let destination: FilePath
  /// What the thing is known by, while it does not change: a digest, or an address with a date.
  public let key: String
  /// Its length, if it is known.
  public var byteCount: Int64?
  /// Its digest, if it is known.
  public var digest: (algorithm: HashAlgorithm, hexadecimal: String)?
  /// Whether a file of that name is replaced.
  public var replaces = false
  /// Whether what an earlier try has written is of use: not if nothing tells whether the thing has changed.
  public var resumes = true
  /// Refuses what cannot be meant by its first bytes, at most 4096.
  public var check: ((_ start: [UInt8]) throws -> Void)?
  /// Told about bytes that are there.
  public var progress: (@Sendable (Int64) -> Void)?
  /// Told about what a user may want to know.
  public var notice: (@Sendable (String) -> Void)?

  /// A download to a file.
  public init(to destination: FilePath, key: String) {
    self.destination = destination
    self.key = key
  }

  /// Refuses a destination that exists and shall stay.
  ///
  /// - Throws: ``SystemError`` with `EEXIST`.
  public func checkDestination() throws(SystemError) {
    var status = stat()
    guard destination.withPlatformString({ lstat($0, &status) }) == 0 else { return }
    guard !replaces || status.st_mode & S_IFMT != S_IFREG && status.st_mode & S_IFMT != S_IFLNK else {
      return
    }
    throw SystemError(errno: .fileExists, operation: "write to", path: destination)
  }

  /// Downloads.
  ///
  /// - Parameter open: opens the thing at a byte, from its start.
  /// - Returns: how many bytes were read from the network, and the digest of the whole (SHA-256 if none was given).
  /// - Throws: ``TransportError``, ``SystemError``, or what `open` and the check throw.
  @discardableResult
  public func run(
    _ open: (_ start: Int64) throws -> any ByteStream
  ) throws -> (received: Int64, digest: [UInt8]) {
    try checkDestination()
    let short = try HashContext.digest(.sha256, Array(key.utf8).span.bytes).prefix(8)
    let part = try PartialFile(for: destination, key: Hexadecimal.text(short)) {
      notice?("another process is downloading \(destination.printable); waiting for it")
    }
    // While another process had the part, it may have made the file.
    do throws(SystemError) { try checkDestination() } catch {
      if try part.byteCount() == 0 { part.remove() }
      throw error
    }
    var start = try part.byteCount()
    if !resumes || start > byteCount ?? .max {
      try part.file.truncate(to: 0)
      start = 0
    }
    if let byteCount { try checkSpace(part, byteCount - start) }
    let sink = try HashingSink(part.file, digest?.algorithm ?? .sha256)
    do {
      try takeExisting(part, start, sink)
      if start > 0 { notice?("going on at byte \(start)") }
      let received = try receive(try open(start), start, sink)
      let found = sink.finish()
      if let digest, Hexadecimal.text(found) != digest.hexadecimal {
        part.remove()
        throw TransportError(
          .answer,
          "\(destination.printable): what was downloaded has the digest \(digest.algorithm.name):\(Hexadecimal.text(found)), and \(digest.hexadecimal) is right: its bytes were changed"
        )
      }
      try part.commit(replacing: replaces)
      return (received, found)
    } catch {
      sink.abandon()
      // Nothing that could be continued, or nothing that is of use.
      if (try? part.byteCount()) == 0 || !Self.isWorthKeeping(error) { part.remove() }
      throw error
    }
  }

  /// Whether another try may go on with what is there.
  private static func isWorthKeeping(_ error: any Error) -> Bool {
    guard let fault = error as? any Fault else { return false }
    return fault.kind == .system
  }

  private func checkSpace(_ part: borrowing PartialFile, _ needed: Int64) throws(SystemError) {
    var facts = statvfs()
    guard fstatvfs(part.file.rawValue, &facts) == 0 else { return }
    let (free, overflow) = Int64(clamping: facts.f_bavail).multipliedReportingOverflow(
      by: Int64(clamping: facts.f_frsize))
    guard !overflow, free < needed else { return }
    if (try? part.byteCount()) == 0 { part.remove() }
    throw SystemError(
      errno: Errno(rawValue: ENOSPC), operation: "write", path: destination,
      detail: "\(needed) more bytes are needed, and there is room for \(free)")
  }

  /// Hashes what an earlier try has written.
  private func takeExisting(_ part: borrowing PartialFile, _ count: Int64, _ sink: HashingSink) throws {
    var position: Int64 = 0
    var block = [UInt8](repeating: 0, count: 1 << 20)
    while position < count {
      let read = try block.withUnsafeMutableBytes { buffer in
        try part.file.read(into: buffer, at: position)
      }
      guard read > 0 else { break }
      if position == 0 { try check?(Array(block[..<min(read, 4096)])) }
      block.withUnsafeBytes { sink.hash(UnsafeRawBufferPointer(rebasing: $0[..<read])) }
      position += Int64(read)
      progress?(Int64(read))
    }
    sink.position = count
  }

  private func receive(_ stream: any ByteStream, _ start: Int64, _ sink: HashingSink) throws -> Int64 {
    var received: Int64 = 0
    var isAtEnd = false
    while !isAtEnd {
      let buffer = try sink.take()
      var filled = 0
      do {
        // A block that lacks less than what comes at once is full: the rest would have to be copied. So the first block has
        // enough for the check.
        while !isAtEnd, buffer.count - filled >= HTTPExchange.pieceSize {
          let count = try stream.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
          isAtEnd = count == 0
          filled += count
          progress?(Int64(count))
        }
      } catch {
        // What has come is of use to the next try.
        try sink.give(buffer, filled)
        throw error
      }
      do {
        if start == 0, received == 0 { try check?(Array(buffer[..<min(filled, 4096)])) }
        received += Int64(filled)
        guard byteCount == nil || start + received <= byteCount ?? 0 else {
          throw TransportError(
            .answer,
            "\(destination.printable): more bytes came than the \(byteCount ?? 0) that were announced")
        }
      } catch {
        try sink.give(buffer, 0)
        throw error
      }
      try sink.give(buffer, filled)
    }
    guard byteCount == nil || start + received == byteCount else {
      throw TransportError(
        .broken,
        "\(destination.printable): the download ended after \(start + received) of \(byteCount ?? 0) bytes")
    }
    return received
  }
}
