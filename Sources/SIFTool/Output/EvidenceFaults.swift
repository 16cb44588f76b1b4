import Forensics
import SIF
import Squash
import StrictJSON

/// What of an image could not be examined. Everything else was.
struct EvidenceFaults {
  private struct Fault {
    let code: String
    let message: String
    let object: UInt32?
    let path: [UInt8]?
    let isSystem: Bool
  }

  private var faults: [Fault] = []
  private(set) var count = 0

  private mutating func note(_ fault: Fault) {
    count += 1
    if faults.count < ExtractionReport.mostFaults { faults.append(fault) }
  }

  mutating func note(_ error: SquashError, in object: Descriptor) {
    note(
      Fault(
        code: error.code.rawValue, message: error.description, object: object.id, path: error.path,
        isSystem: error.code == .system))
  }

  /// Notes what an object cannot be read for, or the image as a whole.
  mutating func note(_ error: SIFError, in object: Descriptor?) {
    note(
      Fault(
        code: error.code.rawValue, message: error.description, object: object?.id, path: nil,
        isSystem: error.code == .system))
  }

  /// The member of the documents.
  var member: JSONMember {
    JSONMember(
      "faults",
      .array(
        faults.map { fault in
          .object([
            JSONMember("code", .string(fault.code)), JSONMember("message", .string(fault.message)),
            JSONMember("object", fault.object.map { .integer(Int64($0)) } ?? .null),
            JSONMember(
              "path", fault.path.map { .string(String(decoding: [0x2F] + $0, as: UTF8.self)) } ?? .null),
          ])
        }))
  }

  /// Says what they are, and answers how the command ends; nil where there are none.
  func report(_ progress: ProgressOptions) -> ToolFailure? {
    guard let first = faults.first else { return nil }
    for fault in faults {
      let place = fault.object.map { "object \($0): " } ?? ""
      progress.note("siftool: not read: \(place)\(fault.message)")
    }
    var failure = ToolFailure(
      first.isSystem ? .system : .malformed, code: first.code,
      "\(count) thing\(count == 1 ? "" : "s") could not be read; everything else was done")
    failure.isReported = true
    return failure
  }
}
