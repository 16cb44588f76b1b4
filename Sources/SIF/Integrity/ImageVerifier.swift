import Gcrypt
import LinuxSystem

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
  /// The numbers of the groups that have objects, ascending.
  private let groups: [UInt32]
  /// Places in ``signatures`` with what they are linked to, ascending.
  private let linked: [(key: UInt32, index: Int)]
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
    var verifier = try ImageVerifier(image, verifiers, policy, threads ?? Workers.processors())
    if let error = image.firstFault { return verifier.report(malformed: error) }
    let isEverything = selection == IntegritySelection()
    let groups = isEverything && verifier.groups.isEmpty ? [] : try image.signedGroups(selection)
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
    groups = image.groups
    var linked: [(key: UInt32, index: Int)] = []
    for (index, signature) in signatures.enumerated() {
      if let link = signature.link { linked.append((link.key, index)) }
    }
    self.linked = linked.sorted { $0 < $1 }
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
    for (index, signature) in signatures.enumerated() {
      guard case .group(let group) = signature.link, !groups.containsSorted(group),
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
      let linked = indices(linkedTo: .group(group.group)).filter { results[$0].format != "legacy" }
      if linked.isEmpty { missing.append("group \(group.group) has no signature") }
      for index in linked {
        results[index].isConsidered = true
        if let statement = try statement(index, group) { statements.append(statement) }
      }
    }
    let wanted = statements.flatMap(\.checks).map { ($0, $1.objectDigest.algorithm) }
    let digests = try ObjectDigests(image, wanted, threads: threads)
    for statement in statements { try compare(statement, digests) }
  }

  /// The places of the signatures that are linked to a group or an object, ascending.
  func indices(linkedTo link: Link) -> [Int] {
    let key = link.key
    return linked[linked.partition { $0.key < key }...].prefix { $0.key == key }.map(\.index)
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
    let stated = metadata.objects.sorted { $0.relativeID < $1.relativeID }
    guard !group.smallestID.addingReportingOverflow(stated.last?.relativeID ?? 0).overflow else {
      fail(index, .damage, "signed-object-missing", "it covers an object that no image can have")
      return nil
    }
    // Both ascend, so that one pass pairs them.
    var checks: [(Descriptor, IntegrityMetadata.Object)] = []
    var position = 0
    func skip(below id: UInt32?) -> [UInt32] {
      var skipped: [UInt32] = []
      while position < stated.count {
        let next = group.smallestID + stated[position].relativeID
        if let id, next >= id { break }
        skipped.append(next)
        position += 1
      }
      return skipped
    }
    var (missing, unsigned): ([UInt32], [UInt32]) = ([], [])
    for object in group.objects {
      missing += skip(below: object.id)
      if position < stated.count, group.smallestID + stated[position].relativeID == object.id {
        checks.append((object, stated[position]))
        position += 1
      } else {
        unsigned.append(object.id)
      }
    }
    missing += skip(below: nil)
    for id in missing where group.isWhole {
      fail(index, .damage, "signed-object-missing", "object \(id), which it covers, is not in the group")
    }
    for id in unsigned {
      fail(index, .coverage, "object-not-signed", "it does not cover object \(id)")
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
      if isDescriptorSame && isObjectSame {
        results[index].objects.append(object.id)
      } else {
        results[index].altered.append(object.id)
      }
    }
    // A group that is asked for, and one of its objects, too: twice the same.
    results[index].objects = results[index].objects.sorted().withoutRepetitions
    results[index].altered = results[index].altered.sorted().withoutRepetitions
  }
}

extension Link {
  /// A number to find it by, another for each link.
  fileprivate var key: UInt32 {
    switch self {
    case .object(let id): id
    case .group(let group): group | Descriptor.groupMask
    }
  }
}
