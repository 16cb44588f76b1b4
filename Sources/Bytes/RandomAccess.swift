/// Bytes that can be read at any offset, from any thread: a file, a window of one, memory, or a decrypting view.
///
/// Every format is read through this protocol, so the same failure is the same ``StorageFault`` wherever the bytes are.
/// The error type of each format has an initialiser that takes one.
public protocol RandomAccess: Sendable {
  /// The number of bytes.
  var byteCount: Int64 { get throws(StorageFault) }

  /// The place of the first byte in the file, so that a fault can name the file's byte: 0 for a whole file. Nil if
  /// the file does not hold these bytes, as with decrypted ones.
  var origin: Int64? { get }

  /// Reads at an offset until the buffer is full or the bytes end. Safe to call from several threads at once.
  ///
  /// - Returns: the number of bytes read; fewer than the buffer holds only at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int
}

/// A place that bytes can be written to at any offset. It need not be readable: a writer that encrypts is one too.
public protocol RandomWritable: Sendable {
  /// Writes all bytes at an offset, over existing bytes or beyond them; a gap in between reads as zeros.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault)
}

extension RandomAccess {
  /// A whole file.
  public var origin: Int64? { 0 }

  /// The bytes at an offset, at most `count`; fewer at the end. The caller limits `count`, since it is
  /// allocated.
  ///
  /// - Throws: ``StorageFault/Code/invalidArgument`` if `count` is negative.
  public func read(_ count: Int, at offset: Int64) throws(StorageFault) -> [UInt8] {
    guard count >= 0 else { throw StorageFault(.invalidArgument, "cannot read \(count) bytes") }
    var fault: StorageFault?
    let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
      do throws(StorageFault) {
        filled = try read(into: UnsafeMutableRawBufferPointer(buffer), at: offset)
      } catch {
        fault = error
      }
    }
    if let fault { throw fault }
    return bytes
  }

  /// Fills a buffer from an offset on.
  ///
  /// - Parameter what: the sentence of the error, such as `the image ends inside a structure of 8
  ///   bytes`.
  /// - Throws: ``StorageFault/Code/truncated`` if the bytes end before the buffer is full.
  public func readExactly(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64,
    _ what: @autoclosure () -> String = "the bytes end too early"
  ) throws(StorageFault) {
    guard try read(into: buffer, at: offset) == buffer.count else {
      throw StorageFault(.truncated, what(), offset: offset)
    }
  }
}

extension RandomWritable {
  /// Writes all bytes at an offset.
  public func write(_ bytes: RawSpan, at offset: Int64) throws(StorageFault) {
    try bytes.withUnsafeBytes { (buffer) throws(StorageFault) in try write(buffer, at: offset) }
  }
}

/// The reason why bytes could not be read or written.
public struct StorageFault: Fault {
  /// The kind of failure; the raw value is stable.
  public enum Code: String, Sendable {
    /// The bytes end where more were needed.
    case truncated
    /// An offset or length makes no sense.
    case invalidArgument = "invalid-argument"
    /// The storage does not accept that many bytes.
    case limitExceeded = "limit-exceeded"
    /// The operating system refused or failed.
    case system
    /// The source of the bytes failed, such as decryption.
    case source
  }

  /// The kind of failure.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String
  /// The place, in bytes from the start of what was read or written.
  public private(set) var offset: Int64?
  /// The fault that caused this one.
  public let underlying: (any Fault)?

  /// A fault of a kind.
  public init(_ code: Code, _ description: String, offset: Int64? = nil) {
    self.code = code
    self.description = description
    self.offset = offset
    underlying = nil
  }

  /// A fault that another one caused, in its words.
  public init(_ code: Code, causedBy fault: any Fault) {
    self.code = code
    description = fault.description
    offset = fault.offset
    underlying = fault
  }

  /// The same fault, as reported by a window that starts `distance` bytes later.
  package func rebased(by distance: Int64) -> StorageFault {
    var fault = self
    fault.offset = offset.flatMap { offset in
      let (rebased, overflow) = offset.subtractingReportingOverflow(distance)
      return overflow || offset < distance ? nil : rebased
    }
    return fault
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause: the bytes, the arguments or the system.
  public var kind: FaultKind {
    switch code {
    case .truncated, .limitExceeded: .malformed
    case .invalidArgument: .argument
    case .system: .system
    case .source: underlying?.kind ?? .other
    }
  }
}
