public import Bytes
public import LinuxSystem
public import SystemPackage

/// What is wrong, where it is, and what lies beneath it.
public struct SIFError: Fault, Equatable, Sendable {
  /// The kind of failure. Raw values are stable: scripts may compare them.
  public enum Code: String, Sendable, CaseIterable {
    /// The magic is not there: the file is something else.
    case notSIF = "not-sif"
    /// A format version that this library does not know.
    case unsupportedVersion = "unsupported-version"
    /// Bytes that the image says it has are not in the file.
    case truncated
    /// A field contradicts the format or the rest of the image.
    case malformed
    /// An image within the format, but beyond what this library will hold in memory.
    case limitExceeded = "limit-exceeded"
    /// No object has the id, or matches the selection.
    case objectNotFound = "object-not-found"
    /// Several objects match where one was asked for.
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
  /// The file, where it has a name.
  public var path: FilePath?
  /// Where in the file, in bytes from its start.
  public var offset: Int64?
  /// The id of the object concerned.
  public var objectID: UInt32?
  /// The failed system call beneath.
  public var system: SystemError?

  /// An error with a message and, where known, its place.
  public init(
    _ code: Code, _ message: String, path: FilePath? = nil, offset: Int64? = nil, objectID: UInt32? = nil
  ) {
    self.code = code
    self.message = message
    self.path = path
    self.offset = offset
    self.objectID = objectID
  }

  /// A failed system call, as the format's error.
  public init(_ error: SystemError) {
    self.init(error.errno == .resourceTemporarilyUnavailable ? .locked : .system, error.description)
    path = error.path
    system = error
  }

  /// The same error, naming the file unless it names one already.
  public func naming(_ name: FilePath) -> SIFError {
    var named = self
    if named.path == nil { named.path = name }
    return named
  }
}

extension SIFError {
  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .notSIF, .unsupportedVersion, .truncated, .malformed, .limitExceeded, .multipleObjects: .malformed
    case .system, .locked: .system
    case .invalidArgument: .argument
    case .objectNotFound, .noFreeDescriptor, .primaryExists, .notPartition, .notSystemPartition: .other
    }
  }

  /// The failed system call beneath.
  public var underlying: (any Fault)? { system }

  /// One sentence: what, and where.
  public var description: String {
    if system != nil { return message }
    let place = offset.map { " (at byte \($0))" } ?? ""
    return (path.map { "\($0.string): " } ?? "") + message + place
  }
}

/// Runs a body whose failures are the operating system's, as the format's errors.
func translating<Result: ~Copyable>(_ body: () throws(SystemError) -> Result) throws(SIFError) -> Result {
  do { return try body() } catch { throw SIFError(error) }
}

/// The same for one expression. An autoclosure keeps the type of what is thrown, a plain closure needs it written.
func translating<Result: ~Copyable>(
  _ call: @autoclosure () throws(SystemError) -> Result
) throws(SIFError) -> Result {
  do { return try call() } catch { throw SIFError(error) }
}
