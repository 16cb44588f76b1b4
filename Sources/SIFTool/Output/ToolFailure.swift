import Partitions
import Bytes
import Forensics
import ImageTrust
import LinuxSystem
import SIFRuntime
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

  /// The exit code for a kind of fault.
  init(_ kind: FaultKind) {
    self =
      switch kind {
      case .malformed: .malformed
      case .key: .key
      case .system: .system
      case .argument: .usage
      case .notSigned: .notSigned
      case .untrusted: .untrusted
      case .tampered: .tampered
      case .notExecutable: .notExecutable
      case .programNotFound: .notFound
      case .other: .failure
      }
  }
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

  /// Any fault, with its exit code and, where an option of this tool helps, the option.
  init(_ fault: any Fault) {
    status = ExitStatus(fault.kind)
    code = fault.identifier
    message = fault.description + (Self.remedy(for: fault) ?? "")
    offset = fault.offset
    objectID = fault.objectID
  }

  /// Whatever a command threw. An error that is not a fault is a defect of the tool, and says so.
  init(_ error: any Error) {
    switch error {
    case let failure as ToolFailure: self = failure
    case let fault as any Fault: self.init(fault)
    default: self.init(.failure, code: "internal", "internal error: \(type(of: error)): \(error)")
    }
  }

  /// The end of the sentence: which option or command of this tool does without what is missing.
  private static func remedy(for fault: any Fault) -> String? {
    switch fault {
    case KeyError.severalKeys: "; choose one with --fingerprint"
    case KeyError.notPEM: ": sign once for each --key"
    case let error as PartitionError where error.code == .severalPartitions: "; choose with --id"
    case let error as PartitionError where error.code == .otherFileSystem: "; dump writes it out"
    case let error as HashError where error.code == .tooMuch: "; --limit allows more"
    case let error as RuntimeError:
      switch error.lacking {
      case .privilegedNamespaces: "; --userns does without"
      case .userNamespace: "; `siftool extract` and `siftool mount` do without"
      case .overlay: ", which --writable-tmpfs and --overlay need"
      case .fuseDevice: "; `siftool extract` needs nothing of the kind"
      case .fuseHelper: "; `siftool exec` and `siftool extract` do without it"
      case .ownControlGroup: "; start it as `systemd-run --user --scope -p Delegate=yes siftool …`"
      case nil: nil
      }
    default: nil
    }
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
