import Gcrypt

/// Keys: those that signatures are checked with and, where the data had them, the secret ones.
public struct KeyRing: Sendable {
  /// The public keys, each primary key once, in the order in which they were read.
  public private(set) var certificates: [Certificate] = []
  /// The secret keys and subkeys.
  public private(set) var secretKeys: [SecretKey] = []
  /// What was passed over while reading, with where and why.
  public private(set) var skipped: [OpenPGPError] = []
  /// Places in ``certificates`` with the key IDs of primary keys and subkeys, ascending. A dictionary costs more to
  /// begin with than the few keys of most rings to compare.
  private var places: [(keyID: UInt64, index: Int)] = []

  /// More than any ring of keys is long, in bytes.
  public static let maximumBytes = 16 << 20

  /// No keys.
  public init() {}

  /// Reads keys in any form that users have them in: armored (also several blocks, with text between), binary
  /// packets one after the other, or a GnuPG keybox.
  ///
  /// A key that this module cannot read is noted in ``skipped``, and so is a place behind which nothing can be
  /// read; the others still count.
  ///
  /// - Throws: ``OpenPGPError`` where the data holds no readable key at all.
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

  /// Reads keys as ``init(reading:)-(Span<UInt8>)`` does, where they are no secret or were in an array anyway.
  public init(reading bytes: [UInt8]) throws(OpenPGPError) { try self.init(reading: bytes.span) }

  /// Adds the keys of another ring; two copies of one key become one that has all of both, revocations included.
  public mutating func merge(_ other: KeyRing) throws(OpenPGPError) {
    for certificate in other.certificates { try add(certificate) }
    for secret in other.secretKeys { add(secret) }
    skipped += other.skipped
  }

  // MARK: Finding

  /// The keys that have a primary key or subkey of that ID.
  public func certificates(withKeyID keyID: UInt64) -> [Certificate] {
    places[firstPlace(keyID, 0)...].prefix { $0.keyID == keyID }.map { certificates[$0.index] }
  }

  /// The key whose primary key or one of whose subkeys has that fingerprint.
  public func certificate(withFingerprint fingerprint: [UInt8]) -> Certificate? {
    certificates.first {
      $0.primary.fingerprint == fingerprint || $0.subkeys.contains { $0.key.fingerprint == fingerprint }
    }
  }

  /// The secret part of a key or subkey.
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
      let place = firstPlace(keyID, index)
      guard place == places.count || places[place] != (keyID, index) else { continue }
      places.insert((keyID, index), at: place)
    }
  }

  /// The first of ``places`` that is not less.
  private func firstPlace(_ keyID: UInt64, _ index: Int) -> Int {
    var (low, high) = (0, places.count)
    while low < high {
      let middle = (low + high) / 2
      if places[middle] < (keyID, index) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private mutating func add(_ secret: SecretKey) {
    // A placeholder does not displace the secret itself, in whichever order they come.
    if let index = secretKeys.firstIndex(where: {
      $0.publicKey.fingerprint == secret.publicKey.fingerprint
    }) {
      if secretKeys[index].impossibility != nil { secretKeys[index] = secret }
    } else {
      secretKeys.append(secret)
    }
  }

  /// Hands each run of packets in the data to a closure: what an armored block holds, a key of a keybox, or all.
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

  /// Reads keys one after the other. Where one has a fault, reading goes on at the next primary key; where the
  /// framing itself is broken, nothing after it can be read.
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

/// Puts a key together from its packets (RFC 9580 section 10.1).
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
      // A signature that cannot be read, of an old version, say, says nothing; the key is still a key.
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

  /// A subkey of an algorithm that is not implemented is passed over with its signatures.
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
