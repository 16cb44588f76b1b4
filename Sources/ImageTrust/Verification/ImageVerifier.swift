import Bytes
import Gcrypt
import LinuxSystem
public import SIF

/// Verifies images.
///
/// The rules are those of the reference: every signature that is linked to a group must be good, and must cover exactly
/// the objects of the group; an object in no group is refused. Rules that differ are stricter (spec/signatures.md,
/// "Verification").
public struct ImageVerifier {
  let image: Image
  let verifiers: [any MessageVerifier]
  let policy: VerificationPolicy
  let threads: Int
  /// One for each signature object, in the order of ``signatures``.
  var results: [SignatureResult]
  let signatures: [Descriptor]
  /// Whether each message could be read.
  private(set) var areRead: [Bool]
  /// Whether each message has its only possible encoding; checked if the policy is strict.
  private(set) var areCanonical: [Bool]
  /// The digests that good legacy messages state, by their places in ``signatures``.
  private(set) var legacyDigests: [Int: IntegrityDigest] = [:]
  /// The digests of bytes that legacy signatures are over.
  var legacyBytes = LegacyDigests()
  /// The statements of good messages about objects' bytes. They are collected first, so that each object is read once.
  private var statements: [Statement] = []
  /// The numbers of the groups that have objects, ascending.
  private let groups: [UInt32]
  /// Places in ``signatures`` with the keys of their links, ascending.
  private let linked: [(key: UInt32, index: Int)]
  /// The sentences about things that are not signed at all.
  var missing: [String] = []
  /// The number of signatures in the messages that were opened.
  private var signerCount = 0

  /// The longest message of a signature, in bytes; real ones are shorter.
  static let maximumMessageBytes: Int64 = 4 << 20
  /// The most bytes of the messages of all signatures of an image together; real ones have fewer.
  static let maximumBytes: Int64 = 16 << 20
  /// The most signatures in all messages: to verify one takes milliseconds.
  static let mostSigners = 1024
  /// The most objects that one signature's faults name; the others are counted.
  private static let mostNamed = 16

  /// Verifies an image.
  ///
  /// - Parameters:
  ///   - selection: the objects that must be signed; every group by default.
  ///   - verifiers: one for each format of messages, with its keys.
  ///   - policy: the policy on who must have signed.
  ///   - threads: how many threads hash objects; nil for one per processor.
  /// - Throws: ``IntegrityError`` if the image cannot be read or the selected objects do not exist; never for a
  ///   signature, nor for an incomplete image.
  public static func verify(
    _ image: Image, selection: IntegritySelection = IntegritySelection(),
    with verifiers: [any MessageVerifier], policy: VerificationPolicy = VerificationPolicy(),
    threads: Int? = nil
  ) throws(IntegrityError) -> VerificationReport {
    var verifier = ImageVerifier(image, verifiers, policy, threads ?? Workers.processors())
    let fault = image.firstFault
    if let fault, fault.isOfSharedBytes {
      // No message is read: many signatures could share one.
      return verifier.report(malformed: fault.error)
    }
    if let error = image.excessOfMessages { return verifier.report(malformed: error) }
    if let error = fault?.error {
      for index in verifier.signatures.indices where !verifier.hasTooManySigners { _ = verifier.open(index) }
      return verifier.report(malformed: error)
    }
    let isEverything = selection == IntegritySelection()
    let groups = isEverything && verifier.groups.isEmpty ? [] : try image.signedGroups(selection)
    if groups.isEmpty { verifier.missing.append("no object is in a group, so none is signed") }
    for object in image.objects(inGroup: nil) where object.dataType != .signature {
      verifier.missing.append("object \(object.id) is in no group, so it is not signed")
    }
    try verifier.openAll(groups)
    if verifier.hasTooManySigners {
      return verifier.report(
        malformed: SIFError(.limitExceeded, "more than \(Self.mostSigners) signatures are not verified"))
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
  ) {
    self.image = image
    self.verifiers = verifiers
    self.policy = policy
    self.threads = threads
    signatures = image.objects(ofType: .signature)
    results = signatures.map { SignatureResult($0) }
    areRead = Array(repeating: false, count: signatures.count)
    areCanonical = areRead
    groups = image.groups
    var linked: [(key: UInt32, index: Int)] = []
    for (index, signature) in signatures.enumerated() {
      if let link = signature.link { linked.append((link.key, index)) }
    }
    self.linked = linked.sorted { $0 < $1 }
  }

  // MARK: Messages

  /// The signature objects of an image with the results of opening their messages, without a look at what these are over.
  static func messages(
    of image: Image, with verifiers: [any MessageVerifier]
  ) -> [(signature: Descriptor, result: SignatureResult)] {
    var verifier = ImageVerifier(image, verifiers, VerificationPolicy(), 1)
    guard image.firstFault?.isOfSharedBytes != true, image.excessOfMessages == nil else { return [] }
    for index in verifier.signatures.indices where !verifier.hasTooManySigners { _ = verifier.open(index) }
    return Array(zip(verifier.signatures, verifier.results))
  }

  /// Whether any of the verifiers has a key.
  var hasKeys: Bool { verifiers.contains { $0.hasKeys } }

  private var hasTooManySigners: Bool { signerCount > Self.mostSigners }

  /// Opens every message, one after the other, and keeps only the statements about the groups that are to be verified.
  private mutating func openAll(_ groups: [SignedGroup]) throws(IntegrityError) {
    var places: [UInt32: [Int]] = [:]
    for (place, group) in groups.enumerated() { places[group.group, default: []].append(place) }
    for index in signatures.indices where !hasTooManySigners {
      guard let text = open(index), results[index].faults.isEmpty else { continue }
      if results[index].format == .legacy {
        if policy.isLegacy { legacyDigests[index] = legacyDigest(text, signatures[index]) }
      } else if !policy.isLegacy, case .group(let number) = signatures[index].link, let about = places[number]
      {
        try readStatement(index, text, groups, about)
      }
    }
  }

  /// Opens a signature's message, notes its format and its faults, and returns its text.
  private mutating func open(_ index: Int) -> [UInt8]? {
    let descriptor = signatures[index]
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
    areRead[index] = opened.text != nil
    results[index].format = opened.text.map(Self.isLegacy) == true ? .legacy : .named(verifier.format)
    results[index].signers = opened.signers
    signerCount += opened.signers.count
    if let fault = opened.verdict { results[index].faults.append(fault) }
    checkEntity(index)
    if policy.isStrict { areCanonical[index] = verifier.isCanonical(message) }
    return opened.text
  }

  /// The signer that the descriptor names must have a valid signature, because listings show that name.
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

  /// Whether a text is that of an old runtime's signature; new ones are JSON.
  static func isLegacy(_ text: [UInt8]) -> Bool { text.starts(with: Array("SIFHASH:".utf8)) }

  // MARK: Groups

  /// Fails signatures over groups whose objects were deleted, which the reference does not notice.
  private mutating func failEmptyGroups() {
    for (index, signature) in signatures.enumerated() {
      guard case .group(let group) = signature.link, !groups.containsSorted(group),
        (results[index].format == .legacy) == policy.isLegacy
      else { continue }
      results[index].isConsidered = true
      fail(
        index, .damage, "signed-object-missing", "the objects of group \(group), which it covers, are gone")
    }
  }

  /// The statement of a good message about the bytes of a group's objects.
  private struct Statement {
    let index: Int
    /// The group's place among those that are verified.
    let group: Int
    /// The places in the group of the objects that must be as stated.
    var checks: [(place: Int, isDescriptorSame: Bool, digest: IntegrityDigest)] = []
  }

  private mutating func verify(_ groups: [SignedGroup]) throws(IntegrityError) {
    for group in groups {
      let linked = indices(linkedTo: .group(group.group)).filter { results[$0].format != .legacy }
      if linked.isEmpty { missing.append("group \(group.group) has no signature") }
      for index in linked { results[index].isConsidered = true }
    }
    let wanted = statements.lazy.flatMap { statement in
      statement.checks.lazy.map { (groups[statement.group].objects[$0.place], $0.digest.algorithm) }
    }
    let digests = try ObjectDigests(image, wanted, threads: threads)
    for statement in statements { compare(statement, groups[statement.group].objects, digests) }
    // If a group and one of its objects were asked for, the object is here twice.
    for index in results.indices {
      results[index].objects = results[index].objects.sorted().withoutRepetitions
      results[index].altered = results[index].altered.sorted().withoutRepetitions
    }
  }

  /// The places of the signatures that are linked to a group or an object, ascending.
  func indices(linkedTo link: Link) -> [Int] {
    let key = link.key
    return linked[linked.binarySearch { $0.key < key }...].prefix { $0.key == key }.map(\.index)
  }

  /// Reads a signature's statement about the groups at some places, and notes the differences.
  private mutating func readStatement(
    _ index: Int, _ text: [UInt8], _ groups: [SignedGroup], _ places: [Int]
  ) throws(IntegrityError) {
    let metadata: IntegrityMetadata
    do { metadata = try IntegrityMetadata(reading: text) } catch {
      fail(index, .damage, error.code, error.explanation)
      return
    }
    let header = try IntegrityDigest.of(image.header.integrityBytes, metadata.headerDigest.algorithm)
    guard header == metadata.headerDigest else {
      fail(index, .damage, "header-altered", "the header was altered after signing")
      return
    }
    let stated = metadata.objects.sorted { $0.relativeID < $1.relativeID }
    for place in places where !results[index].faults.contains(where: { $0.kind == .damage }) {
      try pair(index, stated, groups[place], at: place)
    }
  }

  /// Pairs the statement of a signature with the objects of a group.
  private mutating func pair(
    _ index: Int, _ stated: [IntegrityMetadata.Object], _ group: SignedGroup, at place: Int
  ) throws(IntegrityError) {
    guard !group.smallestID.addingReportingOverflow(stated.last?.relativeID ?? 0).overflow else {
      fail(index, .damage, "signed-object-missing", "it covers an object that no image can have")
      return
    }
    // Both ascend, so that one pass pairs them. Its time depends on the length of the statement, not on that of the
    // group: a large group may have many signatures that each cover little.
    var statement = Statement(index: index, group: place)
    var (missing, unsigned): ([UInt32], [UInt32]) = ([], [])
    var (position, missingCount) = (0, 0)
    for object in stated {
      let id = group.smallestID + object.relativeID
      let next = group.objects.binarySearch { $0.id < id }
      unsigned += group.objects[position..<next].prefix(Self.mostNamed - unsigned.count).map(\.id)
      position = next
      guard position < group.objects.count, group.objects[position].id == id else {
        missingCount += 1
        if missing.count < Self.mostNamed { missing.append(id) }
        continue
      }
      let descriptor = try IntegrityDigest.of(
        group.objects[position].integrityBytes(relativeID: object.relativeID),
        object.descriptorDigest.algorithm)
      statement.checks.append((position, descriptor == object.descriptorDigest, object.objectDigest))
      position += 1
    }
    unsigned += group.objects[position...].prefix(Self.mostNamed - unsigned.count).map(\.id)
    if group.isWhole {
      fail(
        index, .damage, "signed-object-missing", missing, of: missingCount,
        { "object \($0), which it covers, is not in the group" },
        { "\($0) more objects, which it covers, are not in the group" })
    }
    fail(
      index, .coverage, "object-not-signed", unsigned, of: group.objects.count - statement.checks.count,
      { "it does not cover object \($0)" }, { "it does not cover \($0) more objects" })
    statements.append(statement)
  }

  /// Notes a fault for each of some objects, and one for the others together.
  private mutating func fail(
    _ index: Int, _ kind: SignerFault.Kind, _ code: String, _ named: [UInt32], of count: Int,
    _ one: (UInt32) -> String, _ more: (Int) -> String
  ) {
    for id in named { fail(index, kind, code, one(id)) }
    if count > named.count { fail(index, kind, code, more(count - named.count)) }
  }

  private mutating func compare(
    _ statement: Statement, _ objects: [Descriptor], _ digests: ObjectDigests
  ) {
    let index = statement.index
    for (place, isDescriptorSame, digest) in statement.checks {
      let id = objects[place].id
      let isObjectSame = digests[id, digest.algorithm] == digest
      if !isDescriptorSame {
        fail(
          index, .damage, "descriptor-altered", "the descriptor of object \(id) was altered after signing")
      }
      if !isObjectSame {
        fail(index, .damage, "object-altered", "object \(id) was altered after signing")
      }
      if isDescriptorSame && isObjectSame {
        results[index].objects.append(id)
      } else {
        results[index].altered.append(id)
      }
    }
  }
}

extension Link {
  /// A number that is different for each link.
  fileprivate var key: UInt32 {
    switch self {
    case .object(let id): id
    case .group(let group): group | Descriptor.groupMask
    }
  }
}
