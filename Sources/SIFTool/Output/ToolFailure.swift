import Bytes
import Forensics
import Gcrypt
import LUKS
import LinuxSystem
import OpenPGP
import PEMKeys
import SIF
import SIFRuntime
import Squash
import StrictJSON
import SystemPackage

/// The exit codes that scripts rely on.
enum ExitStatus: Int32 {
  case done = 0
  /// Any failure without a code of its own; for `diff`, that there are differences.
  case failure = 1
  case notSigned = 2
  case untrusted = 3
  case tampered = 4
  /// Not a SIF image, malformed or truncated.
  case malformed = 5
  case key = 6
  /// The operating system refused or failed.
  case system = 7
  case usage = 64
  /// A program of an image that cannot be executed, and one that is not there: as shells have it.
  case notExecutable = 126
  case notFound = 127
}

/// Why a command ends without having done its work.
struct ToolFailure: Error {
  let status: ExitStatus
  /// A stable code for scripts.
  let code: String
  /// One sentence; empty when everything has been said already.
  let message: String
  /// Where in the image, in bytes.
  var offset: Int64?
  /// The object concerned.
  var objectID: UInt32?
  /// Whether a JSON document on stdout says it already.
  var isReported = false

  init(_ status: ExitStatus, code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  /// The same failure, with the file that it is about.
  func naming(_ path: FilePath) -> ToolFailure {
    var named = ToolFailure(status, code: code, "\(path.string): \(message)")
    (named.offset, named.objectID, named.isReported) = (offset, objectID, isReported)
    return named
  }

  init(_ error: SIFError) {
    status =
      switch error.code {
      case .notSIF, .unsupportedVersion, .truncated, .malformed, .limitExceeded, .multipleObjects: .malformed
      case .system, .locked: .system
      case .invalidArgument: .usage
      default: .failure
      }
    code = error.code.rawValue
    message = error.description
    offset = error.offset
    objectID = error.objectID
  }

  /// A failure of the image's storage.
  init(_ fault: StorageFault) { self.init(SIFError(fault)) }

  init(_ error: SystemError) {
    self.init(.system, code: "system", error.description)
  }

  init(_ error: IntegrityError) {
    switch error {
    case .image(let error): self.init(error)
    case .selection(let message): self.init(.failure, code: "selection", message)
    case .signer(let code, let message): self.init(.key, code: code, message)
    }
  }

  init(_ error: OpenPGPError) { self.init(.key, code: error.code.rawValue, error.description) }

  init(_ error: PEMError) { self.init(.key, code: error.code.rawValue, error.description) }

  init(_ error: GcryptError) { self.init(.failure, code: "library", error.description) }

  init(_ error: RuntimeError) {
    let status: ExitStatus =
      switch error.code {
      case .unavailable, .system, .notMounted: .system
      case .invalidArgument: .usage
      case .unsupportedFileSystem: .failure
      case .notExecutable: .notExecutable
      case .notFound: .notFound
      }
    self.init(status, code: error.code.rawValue, error.description)
  }

  /// What the examination of an image ended with; nil for what no examination throws.
  init?(evidence error: any Error) {
    switch error {
    case let error as ToolFailure: self = error
    case let error as SIFError: self.init(error)
    case let error as StorageFault: self.init(error)
    case let error as SquashError: self.init(error)
    case let error as SystemError: self.init(error)
    case let error as HashError: self.init(error)
    case let error as LUKSError: self.init(error)
    case let error as PEMError: self.init(error)
    case let error as GcryptError: self.init(error)
    default: return nil
    }
  }

  init(_ error: HashError) {
    let status: ExitStatus =
      switch error.code {
      case .truncated: .malformed
      case .system: .system
      case .tooMuch, .list, .library: .failure
      }
    let remedy = error.code == .tooMuch ? "; --limit allows more" : ""
    self.init(status, code: error.code.rawValue, error.description + remedy)
    offset = error.offset
  }

  /// A failure to write output. A reader that has gone away needs no message.
  init(writing error: SystemError) {
    self.init(
      .system, code: "system", error.errno == .brokenPipe ? "" : "standard output: \(error.description)")
  }

  /// A command line that the parser accepts but that makes no sense.
  static func usage(_ message: String) -> ToolFailure { ToolFailure(.usage, code: "usage", message) }

  /// The failure as a member of a JSON document.
  var json: JSONValue {
    .object([
      JSONMember("code", .string(code)), JSONMember("message", .string(message)),
      JSONMember("object", objectID.map { .integer(Int64($0)) } ?? .null),
      JSONMember("offset", offset.map { .integer($0) } ?? .null),
    ])
  }
}
