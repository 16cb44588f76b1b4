public import Bytes

/// The reason why an image was not fetched or sent.
public struct FetchError: Fault, Equatable {
  /// The kind of failure; the raw value is stable.
  public enum Code: String, Sendable, CaseIterable {
    /// The text is no address of an image.
    case address = "bad-image-address"
    /// What is at the address is no image.
    case notImage = "not-an-image"
    /// The registry has several files there, or an image of another form.
    case notSIF = "not-a-sif-artifact"
    /// There is a file already.
    case exists = "file-exists"
    /// The way to send an image there does not exist.
    case unsupported = "unsupported-address"
    /// An image that is sent to a library has no signature.
    case notSigned = "unsigned"
    /// A daemon that answers otherwise than it should.
    case answer = "bad-answer"
  }

  /// The kind of failure.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String

  /// An error of a kind.
  public init(_ code: Code, _ description: String) {
    self.code = code
    self.description = description
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// The cause.
  public var kind: FaultKind {
    switch code {
    case .address, .unsupported: .argument
    case .notImage, .notSIF: .malformed
    case .exists: .system
    case .answer: .other
    case .notSigned: .notSigned
    }
  }
}
