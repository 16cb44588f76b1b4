import Bytes
import LinuxSystem
import StrictJSON
import SystemPackage

/// The reason why a command ends without having done its work.
package struct ToolFailure: Error {
  /// The exit code of the process.
  package let status: ExitStatus
  /// A stable code for scripts.
  package let code: String
  /// One sentence; empty if everything has been said already.
  package let message: String
  /// Where in the image, in bytes.
  package var offset: Int64?
  /// The object concerned.
  package var objectID: UInt32?
  /// Whether a JSON document on stdout says it already.
  package var isReported = false

  /// A failure of the tool itself.
  package init(_ status: ExitStatus, code: String, _ message: String) {
    self.status = status
    self.code = code
    self.message = message
  }

  /// The same failure, with the file that it is about.
  package func naming(_ path: FilePath) -> ToolFailure {
    var named = ToolFailure(status, code: code, "\(path.printable): \(message)")
    (named.offset, named.objectID, named.isReported) = (offset, objectID, isReported)
    return named
  }

  /// Any fault, with its exit code and, if an option of this tool helps, that option.
  package init(_ fault: any Fault) {
    status = ExitStatus(fault.kind)
    code = fault.identifier
    let tool = FrontEnd.current
    message = tool.sentence(fault) ?? fault.description + (tool.remedy(fault) ?? "")
    offset = fault.offset
    objectID = fault.objectID
  }

  /// Any error that a command threw. One that is not a fault is a defect of the tool, and says so.
  package init(_ error: any Error) {
    switch error {
    case let failure as ToolFailure: self = failure
    case let fault as any Fault: self.init(fault)
    default: self.init(.failure, code: "internal", "internal error: \(type(of: error)): \(error)")
    }
  }

  /// A failure to write output. A reader that has gone away needs no message.
  package init(writing error: SystemError) {
    self.init(
      .system, code: "system",
      error.errno == .brokenPipe ? "" : "cannot write to standard output: \(error.errno.description)")
  }

  /// A command line that the parser accepts, but with a contradiction or a wrong value.
  package static func usage(_ message: String) -> ToolFailure { ToolFailure(.usage, code: "usage", message) }

  /// Reads an option's value. A fault of the value becomes a usage error that names the option.
  package static func reading<Result>(_ option: String, _ read: () throws -> Result) throws -> Result {
    do { return try read() } catch let fault as any Fault where fault.kind == .argument {
      throw usage("\(option): \(fault.description)")
    }
  }

  /// The failure as a member of a JSON document.
  package var json: JSONValue {
    .object([
      JSONMember("code", .string(code)), JSONMember("message", .string(message)),
      JSONMember("object", objectID.map { .integer(Int64($0)) } ?? .null),
      JSONMember("offset", offset.map { .integer($0) } ?? .null),
    ])
  }
}
