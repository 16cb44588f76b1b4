import Bytes
import ExecutionControl
import LinuxSystem
import OpenPGP
public import SIF

/// Whether the machine's administrators allow an image that is about to be mounted or run
/// (spec/runtime.md, "Execution control").
public enum ExecutionCheck {
  /// Refuses an open image that a policy of the machine denies.
  ///
  /// - Parameters:
  ///   - storage: the open file, so that the file that is checked is the one that is mounted.
  ///   - partition: the image and the partition that is to be mounted; nil for a file that is not a SIF image.
  /// - Throws: ``ImageRefusal``, also if it cannot be told whether the image is allowed.
  public static func require(
    _ storage: FileStorage, _ partition: (image: Image, object: Descriptor)? = nil
  ) throws(ImageRefusal) {
    let policies = try denials(try ExecutionPolicy.configured())
    guard !policies.isEmpty else { return }
    let facts: ImageFacts
    do {
      facts = try storage.withDescriptor { (file) throws(SystemError) in
        try ImageFacts(of: file, kind: kind(of: partition?.object))
      }
    } catch {
      throw .fault(error)
    }
    for policy in policies {
      guard let rule = try denials(try policy.check(facts)), let partition else { continue }
      try FileWriters.refuse(storage)
      try require(
        rule, of: partition.image, partition.object.id, try denials(try policy.keyRing()))
    }
  }

  private static func kind(of partition: Descriptor?) -> ImageKind {
    guard let partition else { return .squashfs }
    guard case .partition(let metadata) = partition.metadata else { return .sif }
    return [.encryptedSquashfs, .gocryptfsSquashfs].contains(metadata.fileSystem) ? .encrypted : .sif
  }

  private static func denials<Result>(
    _ call: @autoclosure () throws(PolicyError) -> Result
  ) throws(ImageRefusal) -> Result {
    do { return try call() } catch { throw .denied(error) }
  }

  private static func require(
    _ rule: SignatureRule, of image: Image, _ object: UInt32, _ ring: [UInt8]
  ) throws(ImageRefusal) {
    let keys: KeyRing
    do { keys = ring.isEmpty ? KeyRing() : try KeyRing(reading: ring) } catch {
      throw .denied(rule.denied("the key ring beside it cannot be read: \(error.description)"))
    }
    // Only the administrators' keys count and everything must be signed, with any verification that the user asks for.
    let verification = ImageVerification(
      TrustedKeys(keys), policy: VerificationPolicy(isLegacy: rule.isLegacy),
      selection: rule.isLegacy ? IntegritySelection(objects: [object]) : IntegritySelection())
    let report: VerificationReport
    do { report = try verification.report(on: image) } catch {
      guard case .selection(let reason) = error else { throw .fault(error) }
      throw .denied(rule.denied("nothing is signed: \(reason)"))
    }
    if report.verdict != .ok {
      let reasons = report.reasons.isEmpty ? "" : " (\(report.reasons.joined(separator: "; ")))"
      let denial = rule.denied(
        "by the keys beside it, the image's verdict is \(report.verdict.rawValue)\(reasons)")
      throw .deniedBySignatures(denial, report.verdict)
    }
    let wanted = rule.isLegacy ? [object] : report.objects.map(\.id)
    try denials(
      try rule.check(validated: report.signersNow(ofAll: wanted), claimed: report.claimedSigners(in: image)))
  }
}

extension VerificationReport {
  /// The fingerprints of the signers who cover all of some objects by valid signatures, with keys that have not expired
  /// since.
  fileprivate func signersNow(ofAll objects: [UInt32]) -> Set<String> {
    var covered: [String: Set<UInt32>] = [:]
    for signature in signatures where signature.isValid {
      for signer in signature.validSigners where signer.keyExpiredAt == nil {
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
