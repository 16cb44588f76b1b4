/// Bytes that can be read at any offset, from any thread: a file, a window of one, memory, or a decrypting view.
public protocol RandomAccess: Sendable {
  /// How many bytes there are.
  var byteCount: Int64 { get throws(StorageFault) }

  /// Reads at an offset until the buffer is full or the bytes end.
  ///
  /// - Returns: the number of bytes read; fewer than the buffer holds only at the end.
  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int
}

/// Bytes that can also be written at any offset.
public protocol RandomWritable: RandomAccess {
  /// Writes all bytes at an offset, over what is there or beyond it; what lies between reads as zeros.
  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault)
}

/// Why bytes could not be read or written.
public struct StorageFault: Fault {
  /// The kind of failure; the raw value is stable.
  public enum Code: String, Sendable {
    /// The bytes end where more were needed.
    case truncated
    /// An offset or length makes no sense.
    case invalidArgument = "invalid-argument"
    /// The storage does not take that many bytes.
    case limitExceeded = "limit-exceeded"
    /// The operating system refused or failed.
    case system
    /// What the bytes are made from failed: decryption, say.
    case source
  }

  /// The kind of failure.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String
  /// Where, in bytes from the start of what was read or written.
  public let offset: Int64?
  /// The fault that caused this one.
  public let underlying: (any Fault)?

  /// A fault of its kind.
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

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .truncated, .limitExceeded: .malformed
    case .invalidArgument: .argument
    case .system: .system
    case .source: underlying?.kind ?? .other
    }
  }
}
