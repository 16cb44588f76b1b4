public import Bytes
public import LinuxSystem
public import SystemPackage

/// An error of the format: what is wrong, where, and the system call that failed.
public struct SIFError: Fault, Equatable, Sendable {
  /// The kind of failure. Raw values are stable: scripts may compare them.
  public enum Code: String, Sendable, CaseIterable {
    /// The magic is missing: the file is something else.
    case notSIF = "not-sif"
    /// A format version that this library does not know.
    case unsupportedVersion = "unsupported-version"
    /// Bytes that the image says it has are not in the file.
    case truncated
    /// A field contradicts the format or the rest of the image.
    case malformed
    /// The image is valid, but beyond what this library holds in memory.
    case limitExceeded = "limit-exceeded"
    /// No object has the id, or matches the selection.
    case objectNotFound = "object-not-found"
    /// Several objects match, but one was asked for.
    case multipleObjects = "multiple-objects"
    /// No descriptor slot is free.
    case noFreeDescriptor = "no-free-descriptor"
    /// The image already has a primary system partition.
    case primaryExists = "primary-exists"
    /// The object is not a partition.
    case notPartition = "not-a-partition"
    /// The partition's type is not System.
    case notSystemPartition = "not-a-system-partition"
    /// A value that the caller gave does not fit the format.
    case invalidArgument = "invalid-argument"
    /// Another writer holds the image.
    case locked
    /// The operating system refused or failed.
    case system
  }

  /// The kind of failure.
  public var code: Code
  /// One sentence, without a final stop, that says what is wrong.
  public var message: String
  /// The file, if it has a name.
  public var path: FilePath?
  /// The place in the file, in bytes from its start.
  public var offset: Int64?
  /// The id of the object concerned.
  public var objectID: UInt32?
  /// The system call that failed.
  public var system: SystemError?

  /// An error with a message and, if known, its place.
  public init(
    _ code: Code, _ message: String, path: FilePath? = nil, offset: Int64? = nil, objectID: UInt32? = nil
  ) {
    self.code = code
    self.message = message
    self.path = path
    self.offset = offset
    self.objectID = objectID
  }

  /// The error for a failed system call.
  public init(_ error: SystemError) {
    self.init(error.errno == .resourceTemporarilyUnavailable ? .locked : .system, error.description)
    path = error.path
    system = error
  }

  /// The error for a failure of the storage. It keeps the operating system's words.
  public init(_ fault: StorageFault) {
    if let error = fault.underlying as? SystemError {
      self.init(error)
      return
    }
    let code: Code =
      switch fault.code {
      case .truncated: .truncated
      case .invalidArgument: .invalidArgument
      case .limitExceeded: .limitExceeded
      case .system: .system
      case .source: fault.kind == .system ? .system : .malformed
      }
    self.init(code, fault.description, offset: fault.offset)
  }

  /// The same error with a file name, unless it already has one.
  public func naming(_ name: FilePath) -> SIFError {
    var named = self
    if named.path == nil { named.path = name }
    return named
  }
}

extension SIFError {
  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause: the image, the arguments, the system or another one.
  public var kind: FaultKind {
    switch code {
    case .notSIF, .unsupportedVersion, .truncated, .malformed, .limitExceeded, .multipleObjects: .malformed
    case .system, .locked: .system
    case .invalidArgument: .argument
    case .objectNotFound, .noFreeDescriptor, .primaryExists, .notPartition, .notSystemPartition: .other
    }
  }

  /// The system call that failed.
  public var underlying: (any Fault)? { system }

  /// One sentence that says what is wrong, and where.
  public var description: String {
    if system != nil { return message }
    let place = offset.map { " (at byte \($0))" } ?? ""
    return (path.map { "\($0.printable): " } ?? "") + message + place
  }
}

/// Reads or writes storage; its failures become ``SIFError``.
package func accessing<Result: ~Copyable>(
  _ access: @autoclosure () throws(StorageFault) -> Result
) throws(SIFError) -> Result {
  do { return try access() } catch { throw SIFError(error) }
}

/// Runs a body that calls the operating system; its failures become ``SIFError``.
func translating<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(SIFError) -> Result {
  do { return try body() } catch { throw SIFError(error) }
}

/// The same for one expression. An autoclosure infers the type of the error; a closure has to state it.
func translating<Result: ~Copyable>(
  _ call: @autoclosure () throws(SystemError) -> Result
) throws(SIFError) -> Result {
  do { return try call() } catch { throw SIFError(error) }
}
