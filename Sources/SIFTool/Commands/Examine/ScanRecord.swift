import CommandKit
import Forensics
import ImageTrust
import LUKS
import SIF
import StrictJSON

/// A line of a scan (spec/json/scan.schema.json).
struct ScanRecord: Sendable {
  /// The line with its end.
  let line: [UInt8]
  /// The verdict; nil if the image could not be read.
  let verdict: String?

  /// The most objects and findings that are listed; the others are only counted.
  private static let mostListed = 1000

  init(_ outcome: ScanRun.Outcome, policy: String) {
    var members: [JSONMember]
    switch outcome {
    case .obstacle(let obstacle):
      verdict = nil
      let error = ToolFailure(.system, code: "system", obstacle.error.description)
      members = obstacle.path.members("path") + [JSONMember("error", error.json)]
    case .unreadable(let found, let error):
      verdict = nil
      members = Self.facts(of: found) + [JSONMember("error", ToolFailure(error).json)]
    case .examined(let found, let examination):
      let outcome = Self.verification(examination.verification)
      verdict = outcome.verdict
      members = Self.facts(of: found) + Self.members(of: examination) + outcome.members
    }
    members += [JSONMember("policy", .string(policy)), JSONMember("schemaVersion", 1)]
    line = JSONWriter.compact(JSONValue.object(members).sorted) + [0x0A]
  }

  private static func facts(of found: FoundImage) -> [JSONMember] {
    found.path.members("path") + [
      JSONMember("inode", Int64(exactly: found.inode).map { .integer($0) } ?? .number(String(found.inode))),
      JSONMember("modifiedAt", .string(found.modificationTime)), JSONMember("size", .integer(found.size)),
    ]
  }

  private static func members(of examination: ImageExamination) -> [JSONMember] {
    let (objects, findings) = (examination.descriptors, examination.findings)
    return [
      JSONMember(
        "encryption", .array(examination.volumes.map { VolumeFields.json(of: $0.object, $0.facts) })),
      JSONMember("findings", .array(findings.prefix(mostListed).map(\.json))),
      JSONMember("header", examination.header.map(\.json) ?? .null),
      JSONMember("objectCount", .integer(Int64(objects.count))),
      JSONMember("objects", .array(objects.prefix(mostListed).map(\.json))),
      JSONMember("worstFinding", findings.map(\.severity).max().map { .string($0.rawValue) } ?? .null),
    ]
  }

  private static func verification(
    _ verification: ImageExamination.Verification
  ) -> (verdict: String, members: [JSONMember]) {
    let verdict: String
    var reasons: [JSONValue] = []
    var signatures = JSONValue.array([])
    switch verification {
    case .report(let report):
      verdict = report.verdict.rawValue
      reasons = report.reasons.map { .string($0) }
      if let member = report.document.first(where: { $0.key == "signatures" }) { signatures = member.value }
    case .malformed(let error):
      verdict = "malformed"
      reasons = [.string(error.description)]
    case .skipped(let reason):
      verdict = "not-verified"
      reasons = [.string(reason)]
    }
    return (
      verdict,
      [
        JSONMember("reasons", .array(reasons)), JSONMember("signatures", signatures),
        JSONMember("verdict", .string(verdict)),
      ]
    )
  }
}

extension JSONValue {
  /// The same value with all members sorted by the bytes of their names.
  fileprivate var sorted: JSONValue {
    switch self {
    case .object(let members):
      .object(
        members.map { JSONMember($0.key, $0.value.sorted) }.sorted {
          $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
        })
    case .array(let elements): .array(elements.map(\.sorted))
    default: self
    }
  }
}

/// The results of a scan.
struct ScanCounts {
  private var verdicts: [String: Int] = [:]
  private(set) var unreadable = 0
  /// Images that were recorded before.
  var known = 0
  /// Images that were recorded before, but under another policy, and are examined again.
  var otherPolicy = 0

  mutating func add(_ record: ScanRecord) {
    if let verdict = record.verdict { verdicts[verdict, default: 0] += 1 } else { unreadable += 1 }
  }

  /// One line for people.
  func text(files: Int) -> String {
    let images = verdicts.values.reduce(0, +)
    var parts = verdicts.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }
    if known > 0 { parts.append("\(known) recorded before") }
    if otherPolicy > 0 { parts.append("\(otherPolicy) examined again, recorded under another policy") }
    if unreadable > 0 { parts.append("\(unreadable) unreadable") }
    let list = parts.isEmpty ? "" : ": \(parts.joined(separator: ", "))"
    return
      "\(images + known) image\(images + known == 1 ? "" : "s") in \(files) file\(files == 1 ? "" : "s")\(list)"
  }
}
