import Bytes
import SIF

/// From the results of single signatures to the verdict on the image.
extension ImageVerifier {
  func report(_ groups: [SignedGroup]) throws(IntegrityError) -> VerificationReport {
    var vouchers: [(id: UInt32, identity: String)] = []
    for result in results where result.isConsidered {
      // Each identity once, even if a message repeats its signature.
      for identity in Set(result.validSigners.compactMap(\.identity)) {
        for id in result.objects { vouchers.append((id, identity)) }
      }
    }
    vouchers.sort { $0 < $1 }
    let objects = image.descriptors.filter { $0.dataType != .signature }.map { object in
      let first = vouchers.binarySearch { $0.id < object.id }
      let identities = vouchers[first...].prefix { $0.id == object.id }.map(\.identity)
      return ObjectResult(id: object.id, signedBy: identities.withoutRepetitions)
    }
    let covered = vouchers.map(\.id).withoutRepetitions
    let isHeaderCovered = !policy.isLegacy && !covered.isEmpty
    var report = VerificationReport(
      verdict: .ok, reasons: [], signatures: results, objects: objects, uncovered: [])
    var strict: StrictCoverage?
    if policy.isStrict {
      let coverage = try StrictCoverage(self, covered: covered, isHeaderCovered: isHeaderCovered)
      report.uncovered = coverage.ranges
      report.error = coverage.structuralErrors.first
      strict = coverage
    } else {
      report.uncovered = Coverage(image, covered: covered, isHeaderCovered: isHeaderCovered).ranges
    }
    judge(&report, groups.flatMap(\.objects).map(\.id), strict)
    return report
  }

  /// The report on an incomplete or ambiguous image, with its signatures as far as they can be judged.
  func report(malformed error: SIFError) -> VerificationReport {
    let objects = image.descriptors.filter { $0.dataType != .signature }.map {
      ObjectResult(id: $0.id, signedBy: [])
    }
    var report = VerificationReport(
      verdict: .malformed, reasons: [error.message], signatures: results, objects: objects,
      uncovered: Coverage(image, covered: [], isHeaderCovered: false).ranges)
    report.error = error
    return report
  }

  private func judge(
    _ report: inout VerificationReport, _ selected: [UInt32], _ strict: StrictCoverage?
  ) {
    let considered = results.filter(\.isConsidered)
    func reasons(_ kind: SignerFault.Kind) -> [String] {
      considered.flatMap { result in
        result.faults.filter { $0.kind == kind }.map { "signature \(result.id): \($0.explanation)" }
      }
    }
    let policyReasons = policyReasons(considered, selected)
    let steps: [(IntegrityVerdict, [String])] = [
      (.malformed, strict?.structuralErrors.map(\.message) ?? []), (.tampered, reasons(.damage)),
      (.unsigned, missing + reasons(.coverage) + (strict?.reasons ?? [])),
      (trustVerdict(considered), reasons(.trust)), (.untrusted, policyReasons),
    ]
    // The worst verdict decides. The reasons for lesser ones are also told, except that the policy is not met, which
    // follows from bad signatures.
    for (verdict, reasons) in steps where !reasons.isEmpty {
      if report.verdict == .ok {
        report.verdict = verdict
      } else if verdict == .untrusted, reasons == policyReasons {
        continue
      }
      report.reasons += reasons
    }
  }

  /// The verdict on signatures whose keys are not trusted. It is different if there are no keys at all, since that says
  /// nothing about the signatures.
  private func trustVerdict(_ considered: [SignatureResult]) -> IntegrityVerdict {
    let faults = considered.flatMap(\.faults).filter { $0.kind == .trust }
    return !hasKeys && faults.allSatisfy { $0.code == SignerFault.unknownKeyCode }
      ? .noKey : .untrusted
  }

  /// The reasons why the policy is not met.
  private func policyReasons(_ considered: [SignatureResult], _ selected: [UInt32]) -> [String] {
    func covers(_ isMeant: (SignerVerdict) -> Bool) -> Bool {
      let signed = considered.filter { $0.isValid && $0.validSigners.contains(where: isMeant) }
      return !selected.isEmpty && Set(signed.flatMap(\.objects)).isSuperset(of: selected)
    }
    var reasons: [String] = []
    for name in policy.requiredSigners where !covers({ $0.isNamed(name) }) {
      reasons.append("\(name) has not validly signed everything")
    }
    guard policy.threshold > 1 else { return reasons }
    let identities = Set(considered.filter(\.isValid).flatMap(\.validSigners).compactMap(\.identity))
    let count = identities.filter { identity in covers { $0.identity == identity } }.count
    if count < policy.threshold {
      reasons.append("\(count) of \(policy.threshold) signers have validly signed everything")
    }
    return reasons
  }
}
