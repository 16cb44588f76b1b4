/// The facts that every error of the project states, so that one function can turn any of them into text,
/// JSON and an exit code.
///
/// A fault names facts. A tool adds advice that mentions its own options.
public protocol Fault: Error, CustomStringConvertible {
  /// A stable word for scripts, such as `not-squashfs`.
  var identifier: String { get }
  /// The cause, which decides the exit code.
  var kind: FaultKind { get }
  /// One sentence, without a final stop: what is wrong, and where.
  var description: String { get }
  /// The place in the image or file, in bytes from its start; nil if it is not known, or if the file holds the bytes
  /// encrypted.
  var offset: Int64? { get }
  /// The id of the object that it is about.
  var objectID: UInt32? { get }
  /// The fault that caused this one, such as a failed system call.
  var underlying: (any Fault)? { get }
}

extension Fault {
  /// A fault without a place.
  public var offset: Int64? { nil }
  /// A fault that is not about one object.
  public var objectID: UInt32? { nil }
  /// A fault that nothing else caused.
  public var underlying: (any Fault)? { nil }
}

/// The cause of a failure.
public enum FaultKind: Sendable {
  /// The bytes of an image or file: truncated, malformed, or something else altogether.
  case malformed
  /// A key or passphrase: missing, wrong, or unusable.
  case key
  /// The operating system refused or failed.
  case system
  /// A value that the caller gave makes no sense.
  case argument
  /// A program of an image is not executable.
  case notExecutable
  /// A program of an image does not exist.
  case programNotFound
  /// The image, or a part of it that matters, is not signed.
  case notSigned
  /// No trusted signer has signed the image.
  case untrusted
  /// Signed bytes were altered after signing.
  case tampered
  /// Anything else: the requested thing does not exist, or cannot be done.
  case other
}
