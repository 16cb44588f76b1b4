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
    let coverage = Coverage(
      image, covered: Set(vouchers.keys), isHeaderCovered: !policy.isLegacy && !vouchers.isEmpty)
    var report = VerificationReport(
      verdict: .ok, reasons: [], signatures: results, objects: objects, uncovered: coverage.ranges)
    let selected = Set(groups.flatMap(\.objects).map(\.id))
    try judge(&report, selected, coverage)
    return report
  }

  private func judge(
    _ report: inout VerificationReport, _ selected: Set<UInt32>, _ coverage: Coverage
  ) throws(IntegrityError) {
    let considered = results.filter(\.isConsidered)
    func reasons(_ kind: SignerFault.Kind) -> [String] {
      considered.flatMap { result in
        result.faults.filter { $0.kind == kind }.map { "signature \(result.id): \($0.explanation)" }
      }
    }
    let strict = policy.isStrict ? try strictReasons(report, coverage) : []
    let steps: [(IntegrityVerdict, [String])] = [
      (.tampered, reasons(.damage)), (.unsigned, missing + reasons(.coverage) + strict),
      (trustVerdict(considered), reasons(.trust)), (.untrusted, policyReasons(considered, selected)),
    ]
    // The worst decides; the reasons for the lesser ones are told as well, but not that the policy is not met by
    // signatures that are bad anyway.
    for (verdict, reasons) in steps where !reasons.isEmpty {
      if report.verdict == .ok {
        report.verdict = verdict
      } else if verdict == .untrusted, reasons == steps[3].1 {
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

  private func strictReasons(
    _ report: VerificationReport, _ coverage: Coverage
  ) throws(IntegrityError) -> [String] {
    var reasons = report.objects.filter { $0.signedBy.isEmpty }.map { "object \($0.id) is not signed" }
    for range in coverage.gaps where !(try coverage.isZero(range)) {
      reasons.append("\(range.size) unsigned bytes at byte \(range.offset) are not all zero (\(range.what))")
    }
    for result in results where !result.isValid && !result.isConsidered {
      reasons.append("signature \(result.id) belongs to nothing that was verified")
    }
    return reasons
  }
}
