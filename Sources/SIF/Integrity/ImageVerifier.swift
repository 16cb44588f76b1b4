import Gcrypt

/// Verifies images.
///
/// The rules are the reference's: every signature that is linked to a group has to be good, and has to cover
/// exactly the objects of the group; an object in no group is refused. Where they differ, these are
/// stricter (spec/signatures.md, "Verification").
public struct ImageVerifier {
  let image: Image
  let verifiers: [any MessageVerifier]
  let policy: VerificationPolicy
  let threads: Int
  /// One for each signature object, in the order of ``signatures``.
  var results: [SignatureResult]
  let signatures: [Descriptor]
  /// The text of each message that is good as such.
  var texts: [[UInt8]?] = []
  /// Whether the bytes of each message are the only ones for what it says; looked at where the policy is strict.
  var areCanonical: [Bool] = []
  /// What is not signed at all.
  var missing: [String] = []

  /// More than the message of any signature is long, in bytes.
  static let maximumMessageBytes: Int64 = 4 << 20

  /// Verifies an image.
  ///
  /// - Parameters:
  ///   - selection: what has to be signed; every group by default.
  ///   - verifiers: one for each format of messages, with its keys.
  ///   - policy: who has to have signed.
  ///   - threads: how many threads may hash objects; nil for one each processor.
  /// - Throws: ``IntegrityError`` where the image cannot be read or the selection is of nothing; never for a
  ///   signature, nor for an image that is not whole.
  public static func verify(
    _ image: Image, selection: IntegritySelection = IntegritySelection(),
    with verifiers: [any MessageVerifier], policy: VerificationPolicy = VerificationPolicy(),
    threads: Int? = nil
  ) throws(IntegrityError) -> VerificationReport {
    var verifier = try ImageVerifier(image, verifiers, policy, threads ?? Workers.processors)
    if let error = image.firstFault { return verifier.report(malformed: error) }
    let isEverything = selection == IntegritySelection()
    let groups = isEverything && image.groups.isEmpty ? [] : try image.signedGroups(selection)
    if groups.isEmpty { verifier.missing.append("no object is in a group, and so none is signed") }
    for object in image.objects(inGroup: nil) where object.dataType != .signature {
      verifier.missing.append("object \(object.id) is in no group and so not signed")
    }
    if isEverything { verifier.failEmptyGroups() }
    if policy.isLegacy {
      for group in groups { try verifier.verifyLegacy(group) }
    } else {
      try verifier.verify(groups)
    }
    return try verifier.report(groups)
  }

  private init(
    _ image: Image, _ verifiers: [any MessageVerifier], _ policy: VerificationPolicy, _ threads: Int
  ) throws(IntegrityError) {
    self.image = image
    self.verifiers = verifiers
    self.policy = policy
    self.threads = threads
    signatures = image.objects(ofType: .signature)
    results = signatures.map { SignatureResult($0) }
    for index in signatures.indices { texts.append(open(index)) }
  }

  /// Opens a signature's message, notes what it is and what is wrong with it, and returns its text.
  private mutating func open(_ index: Int) -> [UInt8]? {
    let descriptor = signatures[index]
    areCanonical.append(false)
    guard descriptor.size <= Self.maximumMessageBytes else {
      fail(index, .damage, "too-large", "it is \(descriptor.size) bytes long")
      return nil
    }
    let message: [UInt8]
    do {
      message = try image.bytes(of: descriptor).prefix(Int(Self.maximumMessageBytes))
    } catch {
      fail(index, .damage, "unreadable", "it cannot be read: \(error.description)")
      return nil
    }
    guard let verifier = verifiers.first(where: { $0.recognizes(message) }) else {
      fail(index, .damage, "unknown-format", "it is in no known format")
      return nil
    }
    let opened = verifier.open(message)
    results[index].format = opened.text.map(Self.isLegacy) == true ? "legacy" : verifier.format
    results[index].signers = opened.signers
    if let fault = opened.verdict { results[index].faults.append(fault) }
    checkEntity(index)
    if policy.isStrict { areCanonical[index] = verifier.isCanonical(message) }
    return opened.text
  }

  /// The signer that the descriptor names has to be one whose signature is valid: listings show that name.
  private mutating func checkEntity(_ index: Int) {
    let entities = results[index].validSigners.compactMap(\.entity)
    guard !entities.isEmpty, case .signature(let metadata) = signatures[index].metadata else { return }
    if metadata.fingerprint.map(entities.contains) != true {
      fail(
        index, .damage, "fingerprint-mismatch",
        "the fingerprint in its descriptor is not that of the key that signed")
    }
  }

  mutating func fail(_ index: Int, _ kind: SignerFault.Kind, _ code: String, _ explanation: String) {
    results[index].faults.append(SignerFault(kind, code: code, explanation))
  }

  /// The text of the signatures that old runtimes made; new ones are JSON.
  static func isLegacy(_ text: [UInt8]) -> Bool { text.starts(with: Array("SIFHASH:".utf8)) }

  // MARK: Groups

  /// A signature over a group that has no objects (any more): the reference does not see that they are gone.
  private mutating func failEmptyGroups() {
    let present = Set(image.groups)
    for (index, signature) in signatures.enumerated() {
      guard case .group(let group) = signature.link, !present.contains(group),
        (results[index].format == "legacy") == policy.isLegacy
      else { continue }
      results[index].isConsidered = true
      fail(
        index, .damage, "signed-object-missing", "the objects of group \(group), which it covers, are gone")
    }
  }

  /// What a good message states about a group.
  private struct Statement {
    let index: Int
    let group: SignedGroup
    /// The objects that have to be as stated, with their statements.
    let checks: [(Descriptor, IntegrityMetadata.Object)]
  }

  private mutating func verify(_ groups: [SignedGroup]) throws(IntegrityError) {
    var statements: [Statement] = []
    for group in groups {
      let linked = signatures.indices.filter {
        signatures[$0].link == .group(group.group) && results[$0].format != "legacy"
      }
      if linked.isEmpty { missing.append("group \(group.group) has no signature") }
      for index in linked {
        results[index].isConsidered = true
        if let statement = try statement(index, group) { statements.append(statement) }
      }
    }
    var wanted: [UInt32: (Descriptor, Set<HashAlgorithm>)] = [:]
    for (object, stated) in statements.flatMap(\.checks) {
      wanted[object.id, default: (object, [])].1.insert(stated.objectDigest.algorithm)
    }
    let digests = try ObjectDigests(image, Array(wanted.values), threads: threads)
    for statement in statements { try compare(statement, digests) }
  }

  /// Reads what a signature states about a group, and notes where the two do not match.
  private mutating func statement(
    _ index: Int, _ group: SignedGroup
  ) throws(IntegrityError) -> Statement? {
    guard let text = texts[index], !results[index].faults.contains(where: { $0.kind != .coverage }) else {
      return nil
    }
    let metadata: IntegrityMetadata
    do { metadata = try IntegrityMetadata(reading: text) } catch {
      fail(index, .damage, error.code, error.explanation)
      return nil
    }
    let header = try IntegrityDigest.of(image.header.integrityBytes, metadata.headerDigest.algorithm)
    guard header == metadata.headerDigest else {
      fail(index, .damage, "header-altered", "the header was altered after signing")
      return nil
    }
    var stated: [UInt32: IntegrityMetadata.Object] = [:]
    for object in metadata.objects {
      let (id, overflow) = group.smallestID.addingReportingOverflow(object.relativeID)
      guard !overflow else {
        fail(index, .damage, "signed-object-missing", "it covers an object that no image can have")
        return nil
      }
      stated[id] = object
    }
    if group.isWhole {
      let present = Set(group.objects.map(\.id))
      for id in stated.keys.sorted() where !present.contains(id) {
        fail(index, .damage, "signed-object-missing", "object \(id), which it covers, is not in the group")
      }
    }
    var checks: [(Descriptor, IntegrityMetadata.Object)] = []
    for object in group.objects {
      if let statement = stated[object.id] {
        checks.append((object, statement))
      } else {
        fail(index, .coverage, "object-not-signed", "it does not cover object \(object.id)")
      }
    }
    return Statement(index: index, group: group, checks: checks)
  }

  private mutating func compare(
    _ statement: Statement, _ digests: ObjectDigests
  ) throws(IntegrityError) {
    let index = statement.index
    for (object, stated) in statement.checks {
      let bytes = object.integrityBytes(relativeID: stated.relativeID)
      let isDescriptorSame =
        try IntegrityDigest.of(bytes, stated.descriptorDigest.algorithm) == stated.descriptorDigest
      let isObjectSame = digests[object.id, stated.objectDigest.algorithm] == stated.objectDigest
      if !isDescriptorSame {
        fail(
          index, .damage, "descriptor-altered",
          "the descriptor of object \(object.id) was altered after signing")
      }
      if !isObjectSame {
        fail(index, .damage, "object-altered", "object \(object.id) was altered after signing")
      }
      if isDescriptorSame && isObjectSame && !results[index].objects.contains(object.id) {
        results[index].objects.append(object.id)
      }
    }
    results[index].objects.sort()
  }
}
