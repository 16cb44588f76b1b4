import CommandKit
import Forensics
import SIF
import Squash
import StrictJSON

/// A partition whose files were not read, although it is not damaged.
struct LeftOutPartition {
  /// The reason.
  enum Reason: String {
    case encrypted
    case notSquashfs = "not-squashfs"
  }

  let object: UInt32
  let reason: Reason
  /// A sentence without a final stop.
  let message: String

  /// The value in the documents.
  var json: JSONValue {
    .object([
      JSONMember("code", .string(reason.rawValue)), JSONMember("message", .string(message)),
      JSONMember("object", .integer(Int64(object))),
    ])
  }
}

/// The parts of an image that could not be examined. Everything else was.
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
    // The image as a whole and its objects often have the same fault: it is noted once.
    if fault.path == nil,
      faults.contains(where: { $0.path == nil && $0.code == fault.code && $0.message == fault.message })
    {
      return
    }
    count += 1
    if faults.count < ExtractionReport.mostFaults { faults.append(fault) }
  }

  mutating func note(_ error: SquashError, in object: Descriptor) {
    note(
      Fault(
        code: error.code.rawValue, message: error.description, object: object.id, path: error.path,
        isSystem: error.code == .system))
  }

  /// Notes why an object, or the image as a whole, cannot be read.
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

  /// Prints the faults, and returns the failure that ends the command; nil if there are none.
  func report(_ reporter: Reporter) -> ToolFailure? {
    guard let first = faults.first else { return nil }
    for fault in faults {
      let place = fault.object.map { "object \($0): " } ?? ""
      reporter.note("not read: \(place)\(fault.message)")
    }
    var failure = ToolFailure(
      first.isSystem ? .system : .malformed, code: first.code,
      "\(count) thing\(count == 1 ? "" : "s") could not be read; everything else was done")
    failure.isReported = true
    return failure
  }
}
