import Bytes
import CommandKit
import ImageBuild
import ImageTrust
import SIF
import StrictJSON
import SystemPackage

extension Verb {
  /// `verify`, in the runtimes' words. Our own judgement decides.
  static let verify: Verb = {
    var verb = Verb("verify", "IMAGE", "Verify the signatures of an image", .own(VerifyVerb.run))
    verb.operands = 1...1
    verb.options =
      "key= g/group-id= i/sif-id= l/local j/json a/all legacy-insecure u/url= certificate= certificate-intermediates= certificate-roots= ocsp-verify"
    return verb
  }()
}

private enum VerifyVerb {
  static func run(_ reading: RuntimeGrammar.Reading, _ name: RuntimeName) throws {
    var keyFile: FilePath?
    var selection = IntegritySelection()
    var (printsJSON, isLegacy, includesAll) = (false, false, false)
    for (option, value) in reading.options {
      let isOn = value != "false"
      switch option.name {
      case "key": keyFile = value.map { FilePath($0) }
      case "group-id": selection.groups = [try number(value, option.name)]
      case "sif-id": selection.objects = [try number(value, option.name)]
      case "json": printsJSON = isOn
      case "all": includesAll = isOn
      case "legacy-insecure": isLegacy = isOn
      case "local": break
      case "url":
        throw ToolFailure.usage("--url: `siftool verify --keyserver` asks a key server for missing keys")
      default:
        throw ToolFailure.usage(
          "--\(option.name): certificates of X.509 are not read; --key takes a public key")
      }
    }
    let reporter = Reporter()
    reporter.note(
      "Verifying image with \(keyFile.map { "key material from '\($0.printable)'" } ?? "PGP key material")")
    let path = FilePath(reading.operands[0])
    let report = try VerificationReport(onFileAt: path) { image in
      let keys =
        if let keyFile { try TrustedKeys(contentsOf: keyFile) } else {
          try TrustedKeys(rings: TrustedKeys.runtimeRings) { reporter.warn($0.description) }
        }
      var verification = ImageVerification(keys, selection: selection)
      verification.policy.isLegacy = isLegacy
      verification.includesAll = includesAll
      return try verification.report(on: image)
    }
    let labels = labels(of: path)
    if printsJSON {
      try Console.write(raw: RuntimeJSON.indented(document(report, labels), by: "  ") + [0x0A])
    } else {
      try Console.write(lines: lines(report, labels))
    }
    guard report.verdict == .ok else {
      let fault = sentence(report)
      if !printsJSON, !report.signatures.isEmpty {
        try Console.write(lines: ["", "Error encountered during signature verification: \(fault)"])
      }
      throw ToolFailure(
        ExitStatus(report.verdict.faultKind ?? .other), code: report.verdict.rawValue,
        "Failed to verify container: integrity: \(fault)")
    }
    if !printsJSON { reporter.note("Verified signature(s) from image '\(path.printable)'") }
  }

  private static func number(_ text: String?, _ option: String) throws -> UInt32 {
    guard let text, let number = UInt32(text), number > 0 else {
      throw ToolFailure.usage("--\(option) takes a number from 1 on")
    }
    return number
  }

  /// The objects of the image, by their numbers.
  private static func labels(of path: FilePath) -> [UInt32: Descriptor] {
    guard let image = try? Image(opening: path) else { return [:] }
    return Dictionary(image.descriptors.map { ($0.id, $0) }) { first, _ in first }
  }

  private static func lines(_ report: VerificationReport, _ objects: [UInt32: Descriptor]) -> [String] {
    var lines: [String] = []
    for signature in report.signatures where signature.isConsidered {
      for signer in signature.signers where signer.fault == nil && signature.format == .named("openpgp") {
        let place = (signer.keyServer == nil ? "[LOCAL]" : "[REMOTE]").padded(to: 18)
        lines.append("\(place) Signing entity: \(signer.userIDs.first ?? "")")
        lines.append("\(place) Fingerprint: \(signer.identity ?? signer.fingerprint ?? "")")
      }
      guard signature.isValid else { continue }
      lines.append("Objects verified:")
      lines.append("ID  |GROUP   |LINK    |TYPE")
      lines.append(String(repeating: "-", count: 48))
      for id in signature.objects {
        let object = objects[id]
        let group = object?.group.map { "\($0)" } ?? "NONE"
        let link =
          switch object?.link {
          case .object(let id): "\(id)"
          case .group(let group): "\(group)".padded(to: 3) + " (G)"
          case nil: "NONE"
          }
        lines.append(
          "\("\(id)".padded(to: 4))|\(group.padded(to: 8))|\(link.padded(to: 8))|\(object?.dataType.label ?? "")"
        )
      }
    }
    return lines
  }

  private static func document(_ report: VerificationReport, _ objects: [UInt32: Descriptor]) -> JSONValue {
    var signers: [JSONValue] = []
    for signature in report.signatures where signature.isConsidered {
      let signer = signature.format == .named("openpgp") ? signature.signers.first { $0.fault == nil } : nil
      for id in signature.objects {
        signers.append(
          .object([
            JSONMember(
              "Signer",
              .object([
                JSONMember("Partition", .string(objects[id]?.dataType.label ?? "")),
                JSONMember("Name", .string(signer?.userIDs.first ?? "unknown")),
                JSONMember("Fingerprint", .string(signer?.identity?.lowercased() ?? "")),
                JSONMember("KeyLocal", .bool(signer.map { $0.keyServer == nil } ?? false)),
                JSONMember("KeyCheck", .bool(signer != nil)),
                JSONMember("DataCheck", .bool(!signature.altered.contains(id))),
              ]))
          ]))
      }
    }
    let count = report.signatures.filter(\.isConsidered).count
    return .object([
      JSONMember("Signatures", .integer(Int64(count))),
      JSONMember("SignerKeys", signers.isEmpty ? .null : .array(signers)),
    ])
  }

  /// Why the verdict is not good, in the words that programs look for.
  private static func sentence(_ report: VerificationReport) -> String {
    let altered = Set(report.signatures.flatMap(\.altered)).sorted()
    if report.verdict == .tampered, !altered.isEmpty {
      return "data object integrity compromised: \(altered.map { "\($0)" }.joined(separator: ", "))"
    }
    if report.signatures.contains(where: { $0.faults.contains { $0.code == "header-altered" } }) {
      return "header integrity compromised"
    }
    if report.verdict == .unsigned {
      guard report.signatures.contains(where: \.isConsidered) else {
        return "signature not found for object group 1"
      }
      if let object = report.objects.first(where: \.signedBy.isEmpty) {
        return "object \(object.id): object not signed"
      }
    }
    if report.verdict == .untrusted || report.verdict == .noKey,
      let signature = report.signatures.first(where: { $0.isConsidered && !$0.isValid })
    {
      return signature.format == .named("openpgp")
        ? "signature object \(signature.id) not valid: openpgp: signature made by unknown entity"
        : "key material not provided for DSSE envelope signature"
    }
    return report.reasons.joined(separator: "; ")
  }
}
