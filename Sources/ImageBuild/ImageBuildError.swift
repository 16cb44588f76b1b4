public import Bytes

/// Why an image could not be made.
public struct ImageBuildError: Fault, Equatable, Sendable {
  /// The kind of fault; its raw value is stable.
  public enum Code: String, Sendable {
    /// No program in the root file system says which architecture it is for.
    case unknownArchitecture = "unknown-architecture"
    /// A part is longer than any such part is.
    case limitExceeded = "limit-exceeded"
    /// A value that makes no sense.
    case invalidArgument = "invalid-argument"
    /// The image cannot take what is to be added.
    case unsuitableImage = "unsuitable-image"
    /// A program of the host that does the work is missing, or failed.
    case missingProgram = "missing-program"
    /// A file that does not exist.
    case notFound = "not-found"
    /// A step of a build that did not end well.
    case stepFailed = "step-failed"
    /// Something that is there already.
    case exists
    /// A directory that a build cannot be made in.
    case unsuitablePlace = "unsuitable-place"
  }

  /// The kind of fault.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String
  /// The byte of the text of labels, if the error is about one.
  public let offset: Int64?

  init(_ code: Code, _ description: String, offset: Int64? = nil) {
    self.code = code
    self.description = description
    self.offset = offset
  }

  /// A stable word for scripts.
  public var identifier: String { code.rawValue }

  /// Whose fault it is.
  public var kind: FaultKind {
    switch code {
    case .invalidArgument: .argument
    case .unsuitablePlace: .system
    default: .other
    }
  }
}
