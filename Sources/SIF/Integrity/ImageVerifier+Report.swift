/// From what is known of each signature to a verdict on the whole.
extension ImageVerifier {
  func report(_ groups: [SignedGroup]) throws(IntegrityError) -> VerificationReport {
    var vouchers: [UInt32: Set<String>] = [:]
    for result in results where result.isConsidered {
      for id in result.objects {
        for signer in result.validSigners {
          if let identity = signer.identity { vouchers[id, default: []].insert(identity) }
        }
      }
    }
    let objects = image.descriptors.filter { $0.dataType != .signature }.map {
      ObjectResult(id: $0.id, signedBy: (vouchers[$0.id] ?? []).sorted())
    }
    let covered = Set(vouchers.keys)
    let isHeaderCovered = !policy.isLegacy && !vouchers.isEmpty
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
    judge(&report, Set(groups.flatMap(\.objects).map(\.id)), strict)
    return report
  }

  /// The report on an image that is not whole: its signatures as far as they can be judged without it.
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
    _ report: inout VerificationReport, _ selected: Set<UInt32>, _ strict: StrictCoverage?
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
    // The worst decides; the reasons for the lesser ones are told as well, but not that the policy is not met by
    // signatures that are bad anyway.
    for (verdict, reasons) in steps where !reasons.isEmpty {
      if report.verdict == .ok {
        report.verdict = verdict
      } else if verdict == .untrusted, reasons == policyReasons {
        continue
      }
      report.reasons += reasons
    }
  }

  /// Without any key nothing can be trusted, but that is no news about the signatures.
  private func trustVerdict(_ considered: [SignatureResult]) -> IntegrityVerdict {
    let faults = considered.flatMap(\.faults).filter { $0.kind == .trust }
    return !policy.hasKeys && faults.allSatisfy { $0.code == SignerFault.unknownKeyCode }
      ? .noKey : .untrusted
  }

  /// Why the policy's signers are not all there.
  private func policyReasons(_ considered: [SignatureResult], _ selected: Set<UInt32>) -> [String] {
    func covers(_ isMeant: (SignerVerdict) -> Bool) -> Bool {
      let signed = considered.filter { $0.isValid && $0.validSigners.contains(where: isMeant) }
      return !selected.isEmpty && Set(signed.flatMap(\.objects)).isSuperset(of: selected)
    }
    var reasons: [String] = []
    for name in policy.requiredSigners where !covers({ $0.isNamed(name) }) {
      reasons.append("\(name) has not validly signed everything")
    }
    let identities = Set(considered.filter(\.isValid).flatMap(\.validSigners).compactMap(\.identity))
    let count = identities.filter { identity in covers { $0.identity == identity } }.count
    if policy.threshold > 1 && count < policy.threshold {
      reasons.append("\(count) of \(policy.threshold) signers have validly signed everything")
    }
    return reasons
  }
}
