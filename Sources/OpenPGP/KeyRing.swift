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
  /// The key IDs of primary keys and subkeys, ascending, with the indices of their ``certificates``. For most
  /// rings, which have few keys, setting up a dictionary would cost more than these comparisons.
  private var places: [(keyID: UInt64, index: Int)] = []

  /// The most bytes that a ring of keys may have.
  public static let maximumBytes = 16 << 20

  /// Makes a ring without keys.
  public init() {}

  /// Reads keys in all common forms: armored (also several blocks with text between them), a sequence of
  /// binary packets, or a GnuPG keybox.
  ///
  /// A key that this module cannot read is noted in ``skipped``, and so is a place after which nothing can be
  /// read. The other keys still count.
  ///
  /// - Throws: ``OpenPGPError`` if the data does not have any readable key.
  public init(reading bytes: Span<UInt8>) throws(OpenPGPError) {
    do {
      try Self.forEachRun(of: bytes) { (run) throws(OpenPGPError) in try readPackets(run) }
    } catch {
      guard !certificates.isEmpty else { throw error }
      skipped.append(error)
    }
    guard !certificates.isEmpty else {
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
    for certificate in other.certificates { try add(certificate) }
    for secret in other.secretKeys { add(secret) }
    skipped += other.skipped
  }

  // MARK: Finding

  /// The keys whose primary key or subkey has that ID.
  public func certificates(withKeyID keyID: UInt64) -> [Certificate] {
    places[places.binarySearch { $0.keyID < keyID }...].prefix { $0.keyID == keyID }.map {
      certificates[$0.index]
    }
  }

  /// The key whose primary key or subkey has that fingerprint.
  public func certificate(withFingerprint fingerprint: [UInt8]) -> Certificate? {
    certificates.first {
      $0.primary.fingerprint == fingerprint || $0.subkeys.contains { $0.key.fingerprint == fingerprint }
    }
  }

  /// The secret part of a key or subkey, if the ring has it.
  public func secretKey(withFingerprint fingerprint: [UInt8]) -> SecretKey? {
    secretKeys.first { $0.publicKey.fingerprint == fingerprint }
  }

  // MARK: Reading

  private mutating func add(_ certificate: Certificate) throws(OpenPGPError) {
    if let index = certificates.firstIndex(where: {
      $0.primary.fingerprint == certificate.primary.fingerprint
    }) {
      try certificates[index].merge(certificate)
      enter(certificates[index], at: index)
    } else {
      certificates.append(certificate)
      enter(certificate, at: certificates.count - 1)
    }
  }

  private mutating func enter(_ certificate: Certificate, at index: Int) {
    for keyID in [certificate.primary.keyID] + certificate.subkeys.map(\.key.keyID) {
      let place = places.binarySearch { $0 < (keyID, index) }
      guard place == places.count || places[place] != (keyID, index) else { continue }
      places.insert((keyID, index), at: place)
    }
  }

  private mutating func add(_ secret: SecretKey) {
    // A placeholder never replaces the secret itself, whichever comes first.
    if let index = secretKeys.firstIndex(where: {
      $0.publicKey.fingerprint == secret.publicKey.fingerprint
    }) {
      if secretKeys[index].impossibility != nil { secretKeys[index] = secret }
    } else {
      secretKeys.append(secret)
    }
  }

  /// Passes each run of packets in the data to a closure: an armored block, a key of a keybox, or the whole data.
  static func forEachRun(
    of bytes: Span<UInt8>, _ body: (Span<UInt8>) throws(OpenPGPError) -> Void
  ) throws(OpenPGPError) {
    guard bytes.count <= maximumBytes else { throw OpenPGPError(.tooLarge, "\(bytes.count) bytes of keys") }
    if Keybox.isKeybox(bytes) { return try Keybox.read(bytes, body) }
    if bytes.count > 0, bytes[0] & 0x80 != 0 { return try body(bytes) }
    var lines = LineReader(bytes)
    while let line = lines.next() {
      guard line.count < 100 else { continue }
      let text = lines.text(line)
      let kinds: [Armor.Kind] = [.publicKey, .privateKey]
      guard let kind = kinds.first(where: { text == "-----BEGIN \($0.rawValue)-----" }) else { continue }
      let packets = try Armor.decode(&lines, kind)
      try body(packets.span)
    }
  }

  /// Reads keys one after the other. After an error in a key, reading goes on at the next primary key. If the
  /// packets' framing itself is broken, nothing after it can be read.
  private mutating func readPackets(_ bytes: Span<UInt8>) throws(OpenPGPError) {
    var reader = PacketReader(bytes)
    var builder: CertificateBuilder?
    while true {
      let packet: Packet?
      do { packet = try reader.next() } catch {
        skipped.append(error)
        break
      }
      guard let packet else { break }
      if packet.type == .publicKey || packet.type == .secretKey {
        try finish(builder)
        builder = CertificateBuilder()
      }
      guard builder != nil else { continue }
      do { try builder?.take(packet, reader.body(packet)) } catch {
        skipped.append(error)
        builder = nil
      }
    }
    try finish(builder)
  }

  private mutating func finish(_ builder: CertificateBuilder?) throws(OpenPGPError) {
    guard let builder, let certificate = builder.certificate else { return }
    do { try add(certificate) } catch {
      skipped.append(error)
      return
    }
    for secret in builder.secrets { add(secret) }
    skipped += builder.skipped
  }
}

/// Builds a key from its packets (RFC 9580 section 10.1).
struct CertificateBuilder {
  private(set) var certificate: Certificate?
  private(set) var secrets: [SecretKey] = []
  private(set) var skipped: [OpenPGPError] = []
  private var target = Certificate.Target.primary

  mutating func take(_ packet: Packet, _ body: Span<UInt8>) throws(OpenPGPError) {
    let start = packet.body.lowerBound
    switch packet.type {
    case .publicKey:
      certificate = Certificate(try PublicKeyPacket.readWhole(body, at: start))
      target = .primary
    case .secretKey:
      let secret = try SecretKey.read(body, at: start)
      certificate = Certificate(secret.publicKey)
      secrets.append(secret)
      target = .primary
    case .publicSubkey:
      try takeSubkey { () throws(OpenPGPError) in (try PublicKeyPacket.readWhole(body, at: start), nil) }
    case .secretSubkey:
      try takeSubkey { () throws(OpenPGPError) in
        let secret = try SecretKey.read(body, at: start)
        return (secret.publicKey, secret)
      }
    case .userID:
      var cursor = ByteCursor(body, origin: start)
      target = certificate?.userID(try cursor.array(cursor.remaining)) ?? .other
    case .userAttribute: target = .other
    case .signature:
      // An unreadable signature, for example of an old version, is skipped: the key itself is still valid.
      do {
        try certificate?.add(try SignaturePacket.read(body, at: start), to: target)
      } catch {
        guard error.code == .unsupported || error.code == .malformedPacket || error.code == .truncated
        else { throw error }
        skipped.append(error)
      }
    case .trust, .marker, .padding: break
    default: target = .other
    }
  }

  /// Takes a subkey. One with an algorithm that is not implemented is skipped, together with its signatures.
  private mutating func takeSubkey(
    _ read: () throws(OpenPGPError) -> (PublicKeyPacket, SecretKey?)
  ) throws(OpenPGPError) {
    do {
      let (key, secret) = try read()
      target = certificate?.subkey(key) ?? .other
      if let secret { secrets.append(secret) }
    } catch {
      skipped.append(error)
      target = .other
    }
  }
}
