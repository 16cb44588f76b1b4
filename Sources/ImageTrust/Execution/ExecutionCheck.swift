import Bytes
public import ExecutionControl
public import LinuxSystem
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
  ///   - overlays: the partitions of the image that are laid over that one.
  ///   - kind: the kind of a file that is not a SIF image.
  /// - Throws: ``ImageRefusal``, also if it cannot be told whether the image is allowed.
  public static func require(
    _ storage: FileStorage, _ partition: (image: Image, object: Descriptor)? = nil,
    overlays: [Descriptor] = [],
    kind: ImageKind = .squashfs
  ) throws(ImageRefusal) {
    let policies = try denials(try ExecutionPolicy.configured())
    guard !policies.isEmpty else { return }
    let facts: ImageFacts
    do {
      facts = try storage.withDescriptor { (file) throws(SystemError) in
        try ImageFacts(of: file, kind: self.kind(of: partition?.object) ?? kind)
      }
    } catch {
      throw .fault(error)
    }
    for policy in policies {
      guard let rule = try denials(try policy.check(facts)), let partition else { continue }
      try FileWriters.refuse(storage)
      try require(
        rule, of: partition.image, [partition.object.id] + overlays.map(\.id),
        try denials(try policy.keyRing()))
    }
  }

  /// Refuses a directory that a policy of the machine denies as an image.
  public static func require(directory: borrowing OwnedDescriptor) throws(ImageRefusal) {
    let policies = try denials(try ExecutionPolicy.configured())
    guard !policies.isEmpty else { return }
    let facts: ImageFacts
    do { facts = try ImageFacts(of: directory, kind: .directory) } catch { throw .fault(error) }
    for policy in policies { _ = try denials(try policy.check(facts)) }
  }

  /// Refuses a layer, an open file or directory that is laid over an image, if the limits of a policy deny it. Lists of
  /// signers are about the image alone.
  public static func require(
    layer: borrowing OwnedDescriptor, _ kind: ImageKind
  ) throws(ImageRefusal) {
    let policies = try denials(try ExecutionPolicy.configured())
    guard !policies.isEmpty else { return }
    let facts: ImageFacts
    do { facts = try ImageFacts(of: layer, kind: kind) } catch { throw .fault(error) }
    for policy in policies { try denials(try policy.checkLimits(facts)) }
  }

  private static func kind(of partition: Descriptor?) -> ImageKind? {
    guard let partition else { return nil }
    guard case .partition(let metadata) = partition.metadata else { return .sif }
    return [.encryptedSquashfs, .gocryptfsSquashfs].contains(metadata.fileSystem) ? .encrypted : .sif
  }

  private static func denials<Result>(
    _ call: @autoclosure () throws(PolicyError) -> Result
  ) throws(ImageRefusal) -> Result {
    do { return try call() } catch { throw .denied(error) }
  }

  private static func require(
    _ rule: SignatureRule, of image: Image, _ objects: [UInt32], _ ring: [UInt8]
  ) throws(ImageRefusal) {
    let keys: KeyRing
    do { keys = ring.isEmpty ? KeyRing() : try KeyRing(reading: ring) } catch {
      throw .denied(rule.denied("the key ring beside it cannot be read: \(error.description)"))
    }
    // Only the administrators' keys count and everything must be signed, with any verification that the user asks for.
    let verification = ImageVerification(
      TrustedKeys(keys), policy: VerificationPolicy(isLegacy: rule.isLegacy),
      selection: rule.isLegacy ? IntegritySelection(objects: objects) : IntegritySelection())
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
    let wanted = rule.isLegacy ? objects : report.objects.map(\.id)
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
