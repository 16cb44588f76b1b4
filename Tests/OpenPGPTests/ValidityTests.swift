import Gcrypt
import ImageTrust
import SIF
import TestSupport
import Testing

@testable import OpenPGP

@Suite struct ValidityTests {
  /// Revoked at a time for a reason (nil: none given), signed on day 2: whether the signature counts.
  @Test(
    arguments: [
      (3, day(5), nil), (1, day(5), nil), (3, day(1), SignatureFault.keyRevoked), (1, day(2), .keyRevoked),
      (2, day(5), .keyRevoked), (0, day(5), .keyRevoked), (nil, day(5), .keyRevoked),
      (77, day(5), .keyRevoked),
    ] as [(UInt8?, Int64, SignatureFault?)])
  func revokedKeys(reason: UInt8?, time: Int64, expected: SignatureFault?) throws {
    let maker = try Maker()
    let key = try maker.revoked(reason, at: time)
    let block = try maker.block()
    #expect(try fault(block, try KeyRing(reading: key), now: day(10)) == expected)
    // Where we refuse, GnuPG does not say GOODSIG either. It knows no retired keys: there we are more lenient.
    if expected != nil { #expect(try !GnuPG(importing: key).isGood(block, now: day(10))) }
  }

  /// A revocation in another copy of the key counts, in whichever order the two are read.
  @Test func aRevocationInAnotherCopy() throws {
    let maker = try Maker()
    let (good, revoked) = (try maker.certificate(), try maker.revoked(2, at: day(5)))
    for keys in [good + revoked, revoked + good] {
      let ring = try KeyRing(reading: keys)
      #expect(ring.certificates.count == 1)
      #expect(try fault(try maker.block(), ring, now: day(10)) == .keyRevoked)
    }
  }

  /// Somebody else's revocation says nothing.
  @Test func aRevocationByAnotherKey() throws {
    let (maker, other) = (try Maker(), try Maker("rsa2048"))
    let foreign = Maker.packet(2, try other.signature(0x20, at: day(1), over: [maker.primary.hashed]))
    let key = Maker.packet(6, maker.primary.body)
    let keys = key + foreign + (try maker.certificate().dropFirst(key.count))
    #expect(try fault(try maker.block(), try KeyRing(reading: keys), now: day(10)) == nil)
  }

  @Test func keysThatMayNotSign() throws {
    let maker = try Maker()
    let block = try maker.block()
    #expect(try fault(block, try KeyRing(reading: try maker.certificate(flags: 1))) == .keyNotForSigning)
    #expect(try fault(block, try KeyRing(reading: try maker.certificate(flags: nil))) == nil)
    // Without a certification nobody says that the key is anyone's.
    let bare = Maker.packet(6, maker.primary.body)
    #expect(try fault(block, try KeyRing(reading: bare)) == .keyNotBound)
    let forged =
      bare + Maker.packet(13, maker.name.bytes)
      + Maker.packet(2, try maker.signature(0x13, at: day(1), over: [maker.primary.hashed]))
    #expect(try fault(block, try KeyRing(reading: forged)) == .keyNotBound)
  }

  @Test func expiry() throws {
    let maker = try Maker()
    let expiring = try KeyRing(reading: try maker.certificate(lifetime: 86400 * 3))
    #expect(try fault(try maker.block(at: day(3)), expiring, now: day(30)) == nil)
    #expect(try fault(try maker.block(at: day(4)), expiring, now: day(30)) == .keyExpired)
    // The newest self-signature is the owner's last word, also for what was signed before it.
    let prolonged =
      try maker.certificate(lifetime: 86400 * 3)
      + (try maker.certificate(lifetime: 86400 * 300, at: day(20)))
    #expect(try fault(try maker.block(at: day(10)), try KeyRing(reading: prolonged), now: day(30)) == nil)
    // Older than its key, from the future, expired itself.
    let ring = try KeyRing(reading: try maker.certificate())
    #expect(try fault(try maker.block(at: day(0)), ring, now: day(30)) == .keyTooYoung)
    #expect(try fault(try maker.block(at: day(9)), ring, now: day(8)) == .signatureInFuture)
    let shortLived = try maker.block(subpackets: Subpackets.encode(3, BigEndian.bytes(UInt32(86400))))
    #expect(try fault(shortLived, ring, now: day(2) + 1) == nil)
    #expect(try fault(shortLived, ring, now: day(3)) == .signatureExpired)
  }

  @Test func subkeys() throws {
    let (maker, sub) = (try Maker(), try Maker("nistp256"))
    let block = try sub.block()
    func judge(_ keys: [UInt8]) throws -> SignatureFault? {
      try fault(block, try KeyRing(reading: keys), now: day(10))
    }
    #expect(try judge(try maker.withSubkey(sub)) == nil)
    // Adopting another's key without its consent.
    #expect(try judge(try maker.withSubkey(sub, hasBackSignature: false)) == .keyNotBound)
    #expect(try judge(try maker.withSubkey(sub, flags: 12)) == .keyNotForSigning)
    #expect(try judge(try maker.withSubkey(sub, revocation: (3, day(5)))) == nil)
    #expect(try judge(try maker.withSubkey(sub, revocation: (3, day(1)))) == .keyRevoked)
    #expect(try judge(try maker.withSubkey(sub, revocation: (nil, day(5)))) == .keyRevoked)
    for keys in [try maker.withSubkey(sub), try maker.withSubkey(sub, hasBackSignature: false)] {
      #expect(try GnuPG(importing: keys).isGood(block, now: day(10)) == (try judge(keys) == nil))
    }
  }

  @Test func typesOtherThanDocuments() throws {
    let maker = try Maker()
    let ring = try KeyRing(reading: try maker.certificate())
    for type: UInt8 in [0x02, 0x10, 0x13, 0x18, 0x1F, 0x20, 0x40, 0x50, 0xFF] {
      #expect(try fault(try maker.block(type: type), ring) == .wrongType)
    }
    #expect(try fault(try maker.block(type: 0), ring) == nil)
  }

  @Test func criticalSubpackets() throws {
    let maker = try Maker()
    let ring = try KeyRing(reading: try maker.certificate())
    for type: UInt8 in [20, 60, 100, 127] {
      let isNotation = type == 20
      let body: [UInt8] = [0, 0, 0, 0, 0, 1, 0, 1, 0x61, 0x62]
      #expect(
        try fault(try maker.block(subpackets: Subpackets.encode(type, body, isCritical: true)), ring)
          == .unsupportedSubpacket)
      #expect(
        try fault(try maker.block(subpackets: Subpackets.encode(type, body)), ring) == nil, "\(isNotation)")
    }
  }

  /// What we do not implement is no sign of tampering: it is named, and not trusted.
  @Test func kindsThatAreNotImplemented() throws {
    let maker = try Maker()
    let ring = try KeyRing(reading: try maker.certificate())
    let body = try maker.signature(1, at: day(2), over: [Array(metadata.utf8)])
    func changed(_ index: Int, _ value: UInt8) -> [UInt8] {
      var packet = body
      packet[index] = value
      let text = String(
        decoding: ClearSignedMessage.encode(
          [Array(metadata.utf8)], hash: .sha256, signatures: Maker.packet(2, packet)), as: UTF8.self)
      return Array(text.replacing("Hash: SHA256\n", with: "").utf8)
    }
    for algorithm: UInt8 in [17, 28, 99] {
      #expect(try fault(changed(2, algorithm), ring) == .unsupportedAlgorithm)
    }
    #expect(try fault(changed(3, 99), ring) == .unsupportedHash)
    // Weak is not unknown, but a wrong signature is wrong.
    #expect(try fault(changed(3, 1), ring) == .badSignature)
    let verifier = OpenPGPVerifier(ring, now: Timestamp(seconds: day(3)))
    for (block, code) in [
      (changed(2, 99), "unsupported-algorithm"), (changed(3, 99), "unsupported-hash"),
      (changed(0, 3), "unsupported-version"), (changed(0, 5), "unsupported-version"),
      (
        try maker.block(
          subpackets: Subpackets.encode(20, [0, 0, 0, 0, 0, 1, 0, 1, 0x61, 0x62], isCritical: true)),
        "unsupported-subpacket"
      ),
    ] {
      let verdict = verifier.open(block).verdict
      #expect(verdict?.code == code)
      #expect(verdict?.kind == .trust)
      #expect(verdict?.explanation.hasPrefix("unsupported: ") == true)
    }
  }

  @Test(arguments: ["MD5", "SHA1", "RIPEMD160"])
  func weakHashes(name: String) throws {
    let gnupg = try GnuPG(importing: try Fixture.read("keys/rsa2048.sec.asc"))
    let signed = try gnupg.run(
      [
        "--faked-system-time", "\(day(2))!", "--allow-weak-digest-algos", "--digest-algo", name,
        "--clear-sign",
      ], input: Array(metadata.utf8))
    try #require(signed.status == 0, "\(signed.errors)")
    #expect(try fault(signed.output, try ring("rsa2048.pub.asc")) == .weakHash)
    let verdicts = try GoOracle.verdicts(
      [signed.output], keys: Fixture.path("keys/rsa2048.pub.asc"), now: day(3))
    #expect(verdicts.first.flatMap { $0 } != nil)
  }

  @Test func userIDsWithEscapes() throws {
    let maker = try Maker()
    let names: [[UInt8]] = [
      Array("\u{1B}[2J\u{202E}evil".utf8), [0xFF, 0xC0, 0x80, 0], [], Array(repeating: 0x41, count: 70_000),
    ]
    for name in names {
      let id = UserID(bytes: name, signatures: [])
      let keys =
        Maker.packet(6, maker.primary.body) + Maker.packet(13, name)
        + Maker.packet(2, try maker.signature(0x13, at: day(1), over: [maker.primary.hashed, id.hashed]))
      #expect(try fault(try maker.block(), try KeyRing(reading: keys)) == nil)
    }
  }

  /// RFC 9580 appendices A.3 and A.6: a version 6 key and a message by it.
  @Test func version6() throws {
    let key = """
      -----BEGIN PGP PUBLIC KEY BLOCK-----

      xioGY4d/4xsAAAAg+U2nu0jWCmHlZ3BqZYfQMxmZu52JGggkLq2EVD34laPCsQYf
      GwoAAABCBYJjh3/jAwsJBwUVCg4IDAIWAAKbAwIeCSIhBssYbE8GCaaX5NUt+mxy
      KwwfHifBilZwj2Ul7Ce62azJBScJAgcCAAAAAK0oIBA+LX0ifsDm185Ecds2v8lw
      gyU2kCcUmKfvBXbAf6rhRYWzuQOwEn7E/aLwIwRaLsdry0+VcallHhSu4RN6HWaE
      QsiPlR4zxP/TP7mhfVEe7XWPxtnMUMtf15OyA51YBM4qBmOHf+MZAAAAIIaTJINn
      +eUBXbki+PSAld2nhJh/LVmFsS+60WyvXkQ1wpsGGBsKAAAALAWCY4d/4wKbDCIh
      BssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce62azJAAAAAAQBIKbpGG2dWTX8
      j+VjFM21J0hqWlEg+bdiojWnKfA5AQpWUWtnNwDEM0g12vYxoWM8Y81W+bHBw805
      I8kWVkXU6vFOi+HWvv/ira7ofJu16NnoUkhclkUrk0mXubZvyl4GBg==
      -----END PGP PUBLIC KEY BLOCK-----
      """
    let message = """
      -----BEGIN PGP SIGNED MESSAGE-----

      What we need from the grocery store:

      - - tofu
      - - vegetables
      - - noodles

      -----BEGIN PGP SIGNATURE-----

      wpgGARsKAAAAKQWCY5ijYyIhBssYbE8GCaaX5NUt+mxyKwwfHifBilZwj2Ul7Ce6
      2azJAAAAAGk2IHZJX1AhiJD39eLuPBgiUU9wUA9VHYblySHkBONKU/usJ9BvuAqo
      /FvLFuGWMbKAdA+epq7V4HOtAPlBWmU8QOd6aud+aSunHQaaEJ+iTFjP2OMW0KBr
      NK2ay45cX1IVAQ==
      -----END PGP SIGNATURE-----
      """
    let ring = try KeyRing(reading: Array(key.utf8))
    #expect(
      ring.certificates.first?.primary.fingerprintText
        == "CB186C4F0609A697E4D52DFA6C722B0C1F1E27C18A56708F6525EC27BAD9ACC9")
    #expect(try fault(Array(message.utf8), ring) == nil)
    let changed = message.replacing("tofu", with: "tofa")
    #expect(try fault(Array(changed.utf8), ring) == .badSignature)
  }
}
