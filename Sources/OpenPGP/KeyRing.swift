import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import SystemPackage

/// Keys: those that signatures are verified with and, if the data has them, the secret ones.
public struct KeyRing: Sendable {
  /// The public keys in the order of reading. Each primary key appears once.
  public private(set) var certificates: [Certificate] = []
  /// The secret keys and subkeys.
  public private(set) var secretKeys: [SecretKey] = []
  /// The parts that were skipped while reading, with the place and the reason.
  public private(set) var skipped: [OpenPGPError] = []
  /// The signatures about keys that stood outside of the key that they are about, such as revocation certificates. Those
  /// about keys of the ring count.
  public private(set) var looseSignatures: [LooseSignature] = []
  /// The indices of the ``certificates`` whose primary key or subkey has a key ID.
  private var places: [UInt64: [Int]] = [:]
  /// The indices of the ``secretKeys`` with a fingerprint.
  private var secretPlaces: [[UInt8]: Int] = [:]
  /// The fingerprints of keys that are refused in all their copies, since it would cost too much to check them.
  private var refused: Set<[UInt8]> = []

  /// The most bytes that a ring of keys may have.
  public static let maximumBytes = 16 << 20

  /// Makes a ring without keys.
  public init() {}

  /// Reads keys in all common forms: armored (also several blocks with text between them), a sequence of
  /// binary packets, or a GnuPG keybox.
  ///
  /// A key that this module cannot read is noted in ``skipped``, and so is everything else that gives no key. The
  /// other keys still count.
  ///
  /// - Throws: ``OpenPGPError`` if the data has neither a readable key nor a revocation of one.
  public init(reading bytes: Span<UInt8>) throws(OpenPGPError) {
    var faults: [OpenPGPError] = []
    do {
      try KeyData.forEachRun(of: bytes, { faults.append($0) }) { (run) throws(OpenPGPError) in
        try readPackets(run)
      }
    } catch {
      guard !certificates.isEmpty, error.code != .library else { throw error }
      faults.append(error)
    }
    skipped = faults + skipped
    try applyLooseSignatures()
    guard !certificates.isEmpty || !looseSignatures.isEmpty else {
      throw skipped.first ?? OpenPGPError(.noKey, "there is no OpenPGP key in the data")
    }
  }

  /// Reads keys like ``init(reading:)-(Span<UInt8>)``, if they are not secret or were in an array anyway.
  public init(reading bytes: [UInt8]) throws(OpenPGPError) { try self.init(reading: bytes.span) }

  /// Reads the keys in a file.
  ///
  /// - Throws: ``SystemError`` if the file cannot be read; ``OpenPGPError`` if it is longer than ``maximumBytes``, or does
  ///   not have any readable key.
  public init(contentsOf path: String) throws {
    let file = try OwnedDescriptor(opening: FilePath(path), flags: O_RDONLY | O_NOCTTY)
    // One byte too many is enough to be refused.
    try self.init(reading: try file.readToEnd(limit: Self.maximumBytes + 1))
  }

  /// Adds the keys of another ring. Two copies of one key are combined, including revocations.
  public mutating func merge(_ other: KeyRing) throws(OpenPGPError) {
    refused.formUnion(other.refused)
    removeRefused()
    for certificate in other.certificates { try add(certificate) }
    for secret in other.secretKeys { add(secret) }
    looseSignatures += other.looseSignatures
    try applyLooseSignatures()
    skipped += other.skipped
  }

  /// The signatures outside of any key whose key the ring does not have.
  public var unusedSignatures: [LooseSignature] {
    looseSignatures.filter { loose in
      !certificates(withKeyID: loose.issuerKeyID).contains { loose.claimsIssuer($0.primary) }
    }
  }

  // MARK: Finding

  /// The keys whose primary key or subkey has that ID.
  public func certificates(withKeyID keyID: UInt64) -> [Certificate] {
    (places[keyID] ?? []).map { certificates[$0] }
  }

  /// The key whose primary key or subkey has that fingerprint.
  public func certificate(withFingerprint fingerprint: [UInt8]) -> Certificate? {
    certificates.first {
      $0.primary.fingerprint == fingerprint || $0.subkeys.contains { $0.key.fingerprint == fingerprint }
    }
  }

  /// The secret part of a key or subkey, if the ring has it.
  public func secretKey(withFingerprint fingerprint: [UInt8]) -> SecretKey? {
    secretPlaces[fingerprint].map { secretKeys[$0] }
  }

  // MARK: Reading

  private func place(of primary: PublicKeyPacket) -> Int? {
    places[primary.keyID]?.first { certificates[$0].primary.fingerprint == primary.fingerprint }
  }

  /// Adds a key. One that would cost too much to check is refused, and so are its other copies: what is left out of it
  /// may be a revocation.
  private mutating func add(_ certificate: Certificate) throws(OpenPGPError) {
    guard !refused.contains(certificate.primary.fingerprint) else { return }
    guard let index = place(of: certificate.primary) else {
      certificates.append(certificate)
      enter(certificate, at: certificates.count - 1)
      return
    }
    do { try certificates[index].merge(certificate) } catch {
      guard error.code == .tooLarge else { throw error }
      refuse(certificate.primary, error)
      return
    }
    enter(certificate, at: index)
  }

  private mutating func refuse(_ primary: PublicKeyPacket, _ error: OpenPGPError) {
    skipped.append(error)
    refused.insert(primary.fingerprint)
    removeRefused()
  }

  private mutating func removeRefused() {
    guard !refused.isEmpty else { return }
    let refused = refused
    certificates.removeAll { refused.contains($0.primary.fingerprint) }
    places = [:]
    for (index, certificate) in certificates.enumerated() { enter(certificate, at: index) }
  }

  private mutating func enter(_ certificate: Certificate, at index: Int) {
    for keyID in [certificate.primary.keyID] + certificate.subkeys.map(\.key.keyID)
    where places[keyID]?.contains(index) != true {
      places[keyID, default: []].append(index)
    }
  }

  private mutating func add(_ secret: SecretKey) {
    // A placeholder never replaces the secret itself, whichever comes first.
    if let index = secretPlaces[secret.publicKey.fingerprint] {
      if secretKeys[index].impossibility != nil { secretKeys[index] = secret }
    } else {
      secretPlaces[secret.publicKey.fingerprint] = secretKeys.count
      secretKeys.append(secret)
    }
  }

  /// Gives the signatures that stood elsewhere to the keys that they are about.
  private mutating func applyLooseSignatures() throws(OpenPGPError) {
    for loose in looseSignatures {
      for index in places[loose.issuerKeyID] ?? []
      where certificates.indices.contains(index) && loose.claimsIssuer(certificates[index].primary) {
        do { try loose.add(to: &certificates[index]) } catch {
          guard error.code == .tooLarge else { throw error }
          refuse(certificates[index].primary, error)
          break
        }
      }
    }
  }

  /// Reads keys one after the other. After an error in a key, reading goes on at the next primary key. If the
  /// packets' framing itself is broken, nothing after it can be read.
  private mutating func readPackets(_ bytes: Span<UInt8>) throws(OpenPGPError) {
    var reader = PacketReader(bytes)
    var builder: CertificateBuilder?
    var isInKey = false
    var isWhole = true
    while isWhole {
      var packet: Packet?
      do { packet = try reader.next() } catch {
        skipped.append(error)
        // Of a revocation that is cut off, the beginning counts.
        packet = reader.incompleteSignature
        isWhole = false
      }
      guard let packet else { break }
      if packet.type == .publicKey || packet.type == .secretKey {
        try finish(builder)
        builder = CertificateBuilder()
        isInKey = true
      }
      if packet.type == .signature, !isInKey {
        takeLoose(reader.body(packet), at: packet.body.lowerBound)
      } else {
        do { try builder?.take(packet, reader.body(packet)) } catch { refuseOrSkip(error, &builder) }
      }
    }
    try finish(builder)
  }

  /// Notes the error of a key, of which nothing more is read.
  private mutating func refuseOrSkip(_ error: OpenPGPError, _ builder: inout CertificateBuilder?) {
    if error.code == .tooLarge, let primary = builder?.certificate?.primary {
      refuse(primary, error)
    } else {
      skipped.append(error)
    }
    builder = nil
  }

  /// Takes a signature that stands outside of any key.
  private mutating func takeLoose(_ body: Span<UInt8>, at start: Int) {
    do { looseSignatures.append(try LooseSignature(reading: body, at: start)) } catch {
      skipped.append(error)
    }
  }

  private mutating func finish(_ builder: CertificateBuilder?) throws(OpenPGPError) {
    guard let builder, let certificate = builder.certificate else { return }
    try add(certificate)
    for secret in builder.secrets { add(secret) }
    looseSignatures += builder.loose
    skipped += builder.skipped
  }
}
