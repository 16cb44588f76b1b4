import Bytes
import DSSE
import ExecutionControl
import LinuxSystem
import OpenPGP
import SIF

/// Whether the machine's administrators allow an image that is about to be mounted or run
/// (spec/runtime.md, "Execution control").
enum ExecutionCheck {
  /// Refuses an open image that a policy of the machine denies.
  ///
  /// - Parameters:
  ///   - storage: the open file: what is decided on is what is mounted.
  ///   - partition: the image and the partition that is to be mounted; nil for a file that is no SIF image.
  /// - Throws: ``ToolFailure``, ``PolicyError``, or why the image cannot be read.
  static func require(
    _ storage: FileStorage, _ partition: (image: Image, object: Descriptor)? = nil
  ) throws {
    let policies = try ExecutionPolicy.configured()
    guard !policies.isEmpty else { return }
    let kind: ImageKind = partition.map { $0.object.isEncryptedSquashfs ? .encrypted : .sif } ?? .squashfs
    let facts = try storage.withDescriptor { (file) throws(SystemError) in
      try ImageFacts(of: file, kind: kind)
    }
    for policy in policies {
      guard let rule = try policy.check(facts), let partition else { continue }
      try FileWriters.refuse(storage)
      try require(rule, of: partition.image, partition.object.id, try policy.keyRing())
    }
  }

  private static func require(
    _ rule: SignatureRule, of image: Image, _ object: UInt32, _ ring: [UInt8]
  ) throws {
    let keys: KeyRing
    do { keys = ring.isEmpty ? KeyRing() : try KeyRing(reading: ring) } catch {
      throw rule.denied("the key ring beside it cannot be read: \(error.description)")
    }
    // The administrators' keys alone, and everything signed, whatever the user asks `--verify` for.
    var policy = VerificationPolicy()
    policy.isLegacy = rule.isLegacy
    policy.hasKeys = !keys.certificates.isEmpty
    let verifiers: [any MessageVerifier] = [
      OpenPGPVerifier(keys, now: CurrentTime.timestamp), try DSSEVerifier([]),
    ]
    let report: VerificationReport
    do throws(IntegrityError) {
      report = try ImageVerifier.verify(
        image, selection: rule.isLegacy ? IntegritySelection(objects: [object]) : IntegritySelection(),
        with: verifiers, policy: policy)
    } catch {
      guard case .selection(let reason) = error else { throw error }
      throw rule.denied("there is nothing signed: \(reason)")
    }
    if let status = report.verdict.status {
      let reasons = report.reasons.isEmpty ? "" : " (\(report.reasons.joined(separator: "; ")))"
      let denial = rule.denied(
        "by the keys beside it, the image's verdict is \(report.verdict.rawValue)\(reasons)")
      throw ToolFailure(status, code: denial.code.rawValue, denial.message)
    }
    let wanted = rule.isLegacy ? [object] : report.objects.map(\.id)
    try rule.check(validated: report.signersNow(ofAll: wanted), claimed: report.claimedSigners(in: image))
  }
}

extension VerificationReport {
  /// The fingerprints of those whose valid signatures, by keys that have not expired since, cover each of some objects.
  fileprivate func signersNow(ofAll objects: [UInt32]) -> Set<String> {
    var covered: [String: Set<UInt32>] = [:]
    for signature in signatures where signature.isValid {
      for signer in signature.validSigners where signer.remark == nil {
        guard let identity = signer.identity else { continue }
        covered[identity.uppercased(), default: []].formUnion(signature.objects)
      }
    }
    guard !objects.isEmpty else { return [] }
    return Set(covered.filter { $0.value.isSuperset(of: objects) }.keys)
  }

  /// Every fingerprint that a signature, or the descriptor of one, names.
  fileprivate func claimedSigners(in image: Image) -> Set<String> {
    var names = signatures.flatMap(\.signers).flatMap { [$0.fingerprint, $0.identity].compactMap { $0 } }
    for descriptor in image.objects(ofType: .signature) {
      if case .signature(let metadata) = descriptor.metadata, let name = metadata.fingerprint {
        names.append(name.hexadecimal)
      }
    }
    return Set(names.map { $0.uppercased() })
  }
}

extension ToolFailure {
  init(_ error: PolicyError) {
    self.init(error.code == .signers ? .untrusted : .system, code: error.code.rawValue, error.description)
  }
}
