import Bytes
import CommandKit
import ImageTrust
import SIF
import StrictJSON

/// A verification report for people and for scripts.
extension VerificationReport {
  /// Each signature, each object, and last the verdict with its reasons.
  ///
  /// - Parameter isStrict: whether to list every uncovered range, instead of the amount of padding alone.
  func lines(isStrict: Bool) -> [String] {
    var lines: [String] = []
    for signature in signatures {
      lines.append("signature \(signature.id) (\(signature.format)): \(signature.summary)")
      for signer in signature.signers { lines += signer.lines.map { "  \($0)" } }
    }
    for object in objects {
      let signers = object.signedBy.joined(separator: ", ")
      lines.append("object \(object.id): \(signers.isEmpty ? "not signed" : "signed by \(signers)")")
    }
    let ranges = uncovered.map { "  byte \($0.offset): \(ByteText.decimal($0.size)), \($0.what)" }
    if isStrict, !ranges.isEmpty { lines += ["not covered by any signature:"] + ranges }
    let loose = uncovered.filter { $0.kind == .padding || $0.kind == .afterData }
    if !isStrict, !loose.isEmpty {
      let bytes = loose.reduce(0) { $0 + $1.size }
      lines.append(
        "not covered by any signature: \(ByteText.decimal(bytes)) of padding (see --json, --strict)")
    }
    lines += reasons
    lines.append("verdict: \(verdict.rawValue)")
    return lines
  }

  /// The JSON document.
  var document: [JSONMember] {
    var members = [
      JSONMember("objects", .array(objects.map(\.json))),
      JSONMember("reasons", .array(reasons.map { .string($0) })),
      JSONMember("signatures", .array(signatures.map(\.json))),
      JSONMember("uncovered", .array(uncovered.map(\.json))),
      JSONMember("verdict", .string(verdict.rawValue)),
    ]
    if let error { members.append(JSONMember("error", ToolFailure(error).json)) }
    return members
  }
}

extension SignatureResult {
  /// The outcome, for people.
  var summary: String {
    if let fault {
      return isConsidered ? "BAD: \(fault.explanation)" : "not considered: \(fault.explanation)"
    }
    guard isConsidered else { return "not considered" }
    return "good, over object\(objects.count == 1 ? "" : "s") \(ByteText.ranges(objects))"
  }

  fileprivate var json: JSONValue {
    let signer = validSigners.first ?? signers.first
    return .object([
      JSONMember("id", .integer(Int64(id))), JSONMember("format", .string(format.description)),
      JSONMember("valid", .bool(isValid)), JSONMember("considered", .bool(isConsidered)),
      JSONMember("reason", fault.map { .string($0.code) } ?? .null),
      JSONMember("explanations", .array(faults.map { .string($0.explanation) })),
      JSONMember("fingerprint", signer?.identity.map { .string($0) } ?? .null),
      JSONMember("keyId", signer?.keyID.map { .string($0) } ?? .null),
      JSONMember("userIds", .array((signer?.userIDs ?? []).map { .string($0) })),
      JSONMember("signedAt", signer?.signedAt.map { .string($0.iso8601) } ?? .null),
      JSONMember("signers", .array(signers.map(\.json))),
      JSONMember("objects", .array(objects.map { .integer(Int64($0)) })),
      JSONMember("group", group.map { .integer(Int64($0)) } ?? .null),
      JSONMember("object", linkedObject.map { .integer(Int64($0)) } ?? .null),
    ])
  }
}

extension SignerVerdict {
  fileprivate var lines: [String] {
    var lines = ["by \(fault == nil ? identity ?? "" : "key \(fingerprint ?? "unknown")")"]
    if fault == nil {
      if let fingerprint, fingerprint != identity { lines.append("with key \(fingerprint)") }
      lines += userIDs.prefix(4)
      if let signedAt { lines.append("at \(signedAt.iso8601)") }
      if let remark { lines.append(remark) }
    } else if let fault {
      lines.append(fault.explanation)
    }
    return lines
  }

  fileprivate var json: JSONValue {
    .object([
      JSONMember("valid", .bool(fault == nil)), JSONMember("reason", fault.map { .string($0.code) } ?? .null),
      JSONMember("fingerprint", identity.map { .string($0) } ?? .null),
      JSONMember("keyFingerprint", fingerprint.map { .string($0) } ?? .null),
      JSONMember("keyId", keyID.map { .string($0) } ?? .null),
      JSONMember("keyServer", keyServer.map { .string($0) } ?? .null),
      JSONMember("userIds", .array(userIDs.map { .string($0) })),
      JSONMember("signedAt", signedAt.map { .string($0.iso8601) } ?? .null),
      JSONMember("remark", remark.map { .string($0) } ?? .null),
    ])
  }
}

extension ObjectResult {
  fileprivate var json: JSONValue {
    .object([
      JSONMember("id", .integer(Int64(id))), JSONMember("signedBy", .array(signedBy.map { .string($0) })),
    ])
  }
}

extension UncoveredRange {
  fileprivate var json: JSONValue {
    .object([
      JSONMember("offset", .integer(offset)), JSONMember("size", .integer(size)),
      JSONMember("what", .string(what)),
    ])
  }
}
