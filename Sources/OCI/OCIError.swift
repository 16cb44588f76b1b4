public import Bytes

/// The reason why something of an OCI image is not acceptable.
public struct OCIError: Fault, Equatable, Sendable {
  /// The kind of fault; its raw value is stable.
  public enum Code: String, Sendable {
    /// A reference, a platform or a digest that is not written as such.
    case invalidReference = "invalid-reference"
    /// JSON, or members of it, that do not make an index, a manifest or a configuration.
    case malformed = "malformed-document"
    /// A count, a size or a nesting beyond what any image needs.
    case limitExceeded = "limit-exceeded"
    /// Bytes whose number is not the one that their descriptor states.
    case wrongSize = "wrong-size"
    /// Bytes whose digest is not the one that their descriptor states.
    case wrongDigest = "wrong-digest"
    /// A blob, or an image, that does not exist.
    case notFound = "not-found"
    /// More than one image, and nothing that tells which one is meant.
    case ambiguous
    /// No image for the platform.
    case noPlatform = "no-platform"
    /// Something that exists but that cannot be used, such as a manifest of schema 1.
    case unsupported
    /// A file or a directory that is neither a layout nor an archive of images.
    case notImage = "not-an-image"
  }

  /// The kind of fault.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String
  /// The fault that caused this one.
  public let underlying: (any Fault)?

  /// An error of a kind.
  public init(_ code: Code, _ description: String, causedBy fault: (any Fault)? = nil) {
    self.code = code
    self.description = description
    underlying = fault
  }

  /// Whether kind and sentence are equal.
  public static func == (a: OCIError, b: OCIError) -> Bool {
    a.code == b.code && a.description == b.description
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause, which decides the exit code.
  public var kind: FaultKind {
    switch code {
    case .invalidReference: .argument
    case .malformed, .limitExceeded, .wrongSize, .wrongDigest, .notImage: .malformed
    case .notFound, .ambiguous, .noPlatform, .unsupported: .other
    }
  }
}
