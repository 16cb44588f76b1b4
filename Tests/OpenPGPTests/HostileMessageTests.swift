import Gcrypt
import TestSupport
import Testing

@testable import OpenPGP

@Suite struct FramingTests {
  private func blocks() throws -> (good: [UInt8], text: String) {
    let block = try clearSign("{\"a\":1}\nsecond", try ring("rsa2048.sec.asc"))
    return (block, String(decoding: block, as: UTF8.self))
  }

  private func isGood(_ block: [UInt8], _ keys: KeyRing) -> Bool {
    do { return try fault(block, keys) == nil } catch { return false }
  }

  /// What other programs let pass around a block, and we do not. `reference` is the Go library's verdict.
  @Test func framing() throws {
    let (good, text) = try blocks()
    let begin = "-----BEGIN PGP SIGNATURE-----\n"
    let cases: [(String, reference: Bool)] = [
      ("text before\n" + text, true), ("\n" + text, true), (text + "\ntext after", true), (text + text, true),
      (text + "\n" + text, true), (text.replacing("second\n", with: "second\nthird\n"), false),
      (text.replacing("Hash: SHA256\n", with: "Hash: SHA256\nComment: x\n"), false),
      (text.replacing("Hash: SHA256\n", with: "Hash: SHA256\nNotDashEscaped: yes\n"), false),
      (text.replacing("Hash: SHA256\n", with: "Hash: SHA512\n"), true),
      (text.replacing("Hash: SHA256\n", with: "Hash: SHA256, XXX\n"), true),
      (text.replacing("Hash: SHA256\n", with: "Hash: SHA256\u{0C}\n"), false),
      (text.replacing("second\n", with: "second\u{0C}\n"), false),
      (text.replacing("second\n", with: "-second\n"), false),
      (text.replacing("second", with: "second\u{0}"), false),
      (text.replacing("second\n", with: "second\r\r\n"), false),
      (text.replacing(begin, with: begin + "Injected: yes\n"), true),
      (text.replacing(begin, with: begin + "text between\n"), false),
      (text.replacing("\n-----END", with: "\n" + String(repeating: "A", count: 20_000) + "\n-----END"), true),
      (text.replacing("-----END PGP SIGNATURE-----", with: "-----END PGP SIGNATUR-----"), false),
      (String(text.dropLast(10)), false), (String(text.dropFirst(1)), false), ("", false),
      ("-----BEGIN PGP", false),
    ]
    let keys = Fixture.path("keys/rsa2048.pub.asc")
    let verdicts = try GoOracle.verdicts([good] + cases.map { Array($0.0.utf8) }, keys: keys, now: day(3))
    #expect(verdicts[0] == nil)
    let keyRing = try ring("rsa2048.pub.asc")
    for (number, ((changed, reference), verdict)) in zip(cases, verdicts.dropFirst()).enumerated() {
      #expect((verdict == nil) == reference, "case \(number): \(changed): \(verdict ?? "good")")
      #expect(!isGood(Array(changed.utf8), keyRing), "\(changed)")
    }
    // What does not change the meaning is let pass: a final newline, CRLF, no Hash header, no checksum.
    for harmless in [
      text + "\n", text + "\r\n", text.replacing("\n", with: "\r\n"),
      text.replacing("Hash: SHA256\n", with: ""),
      text.replacing("second\n", with: "second \t\n"),
      text.split(separator: "\n", omittingEmptySubsequences: false).filter { !$0.hasPrefix("=") }.joined(
        separator: "\n"),
      text.replacing(begin, with: begin + "Version: GnuPG v2\n"),
    ] {
      #expect(try fault(Array(harmless.utf8), keyRing) == nil)
    }
  }

  /// A checksum that is wrong, malformed, doubled or not there: whether GnuPG, rnp and the Go library take the block.
  /// We take none of those that any of them refuses.
  @Test func armorChecksums() throws {
    let (good, text) = try blocks()
    let line = try #require(text.split(separator: "\n").first { $0.hasPrefix("=") && $0.count == 5 })
    let wrong = line == "=AAAA" ? "=AAAB" : "=AAAA"
    let open = try Fixture.read("keys/rsa2048.pub.asc")
    let keyRing = try ring("rsa2048.pub.asc")
    let cases: [(String, gnupg: Bool, rnp: Bool, go: Bool)] = [
      (text, true, true, true), (text.replacing("\(line)\n", with: ""), true, true, true),
      (text.replacing(line, with: wrong), false, true, true),
      (text.replacing(line, with: "=AAA"), false, false, true),
      (text.replacing(line, with: "\(line)\n\(line)"), true, false, true),
    ]
    let verdicts = try GoOracle.verdicts(
      cases.map { Array($0.0.utf8) }, keys: Fixture.path("keys/rsa2048.pub.asc"), now: day(3))
    for (number, (changed, gnupg, rnp, go)) in cases.enumerated() {
      let block = Array(changed.utf8)
      #expect(try GnuPG(importing: open).isGood(block, now: day(3)) == gnupg, "case \(number)")
      #expect(try RNP(importing: open).isGood(block) == rnp, "case \(number)")
      #expect((verdicts[number] == nil) == go, "case \(number)")
      #expect(isGood(block, keyRing) == (number < 2), "case \(number)")
    }
    #expect(good == Array(text.utf8))
  }

  /// Whatever a mutation makes of a block: where we say good, the Go library and GnuPG say so too.
  @Test func mutatedBlocks() throws {
    let seed: UInt64 = 20_240_102
    var random = SeededRandom(seed: seed)
    let (good, _) = try blocks()
    var mutants: [[UInt8]] = []
    for _ in 0..<1500 {
      var block = good
      for _ in 0...Int.random(in: 0...2, using: &random) {
        let place = Int.random(in: 0..<block.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: block[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        case 1: block.remove(at: place)
        case 2: block.insert([0x0A, 0x20, 0x2D, 0x3D, 0x0D].randomElement(using: &random) ?? 0, at: place)
        case 3: block[place] = UInt8.random(in: 0...255, using: &random)
        default:
          let end = min(block.count, place + Int.random(in: 1...40, using: &random))
          block.insert(contentsOf: block[place..<end], at: place)
        }
      }
      mutants.append(block)
    }
    let keys = try ring("rsa2048.pub.asc")
    let verdicts = try GoOracle.verdicts(mutants, keys: Fixture.path("keys/rsa2048.pub.asc"), now: day(3))
    let gnupg = try GnuPG(importing: try Fixture.read("keys/rsa2048.pub.asc"))
    var (accepted, stricter) = (0, 0)
    for (block, verdict) in zip(mutants, verdicts) {
      guard let report = try? ClearSignedMessage(reading: block).verify(with: keys, now: day(3)),
        report.contains(where: \.isValid)
      else {
        if verdict == nil { stricter += 1 }
        continue
      }
      accepted += 1
      #expect(verdict == nil, "seed \(seed): \(String(decoding: block, as: UTF8.self)): \(verdict ?? "")")
      #expect(try gnupg.isGood(block, now: day(3)), "seed \(seed): \(String(decoding: block, as: UTF8.self))")
    }
    // Otherwise the mutations tested nothing.
    #expect(accepted > 5)
    #expect(stricter > 5)
  }

  @Test func theTextIsWhatWasHashed() throws {
    let (good, _) = try blocks()
    let message = try ClearSignedMessage(reading: good)
    #expect(message.text == Array("{\"a\":1}\r\nsecond".utf8))
    let keys = try ring("rsa2048.pub.asc")
    var other = message.text
    other[3] ^= 1
    let signature = try #require(message.signatures.first)
    #expect(try keys.judge(signature, over: message.text, now: day(3)).isValid)
    #expect(try !keys.judge(signature, over: other, now: day(3)).isValid)
  }

  @Test func severalSignaturesInOneBlock() throws {
    let (maker, other) = (try Maker(), try Maker("nistp256"))
    let text = Array(metadata.utf8)
    let (one, two) = (
      try maker.signature(1, at: day(2), over: [text]), try other.signature(1, at: day(2), over: [text])
    )
    let packets = Maker.packet(2, one) + Maker.packet(2, two)
    let block = ClearSignedMessage.encode([text], hash: .sha256, signatures: packets)
    let both = try ring("ed25519.pub.asc", "nistp256.pub.asc")
    let message = try ClearSignedMessage(reading: block)
    #expect(try message.verify(with: both, now: day(3)).map(\.isValid) == [true, true])
    let many = (0..<17).flatMap { _ in Maker.packet(2, one) }
    #expect(throws: OpenPGPError.self) {
      try ClearSignedMessage(reading: ClearSignedMessage.encode([text], hash: .sha256, signatures: many))
    }
    // Something else among the signatures.
    let literal = Maker.packet(11, [0x62, 0, 0, 0, 0, 0])
    #expect(throws: OpenPGPError.self) {
      try ClearSignedMessage(
        reading: ClearSignedMessage.encode([text], hash: .sha256, signatures: literal + Maker.packet(2, one)))
    }
  }
}

@Suite struct HostilePacketTests {
  @Test(
    arguments: [
      [0x99], [0x99, 0xFF, 0xFF], [0xC6, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], [0x9B, 4], [0xC6, 0xE1, 4],
      [0xC6, 0xFE, 4],
      [0x80, 1, 0], [0xC6, 6, 4, 0, 0, 0, 0, 1], [0xC6, 8, 4, 0, 0, 0, 0, 1, 0xFF, 0xFF],
      [0xC6, 8, 4, 0, 0, 0, 0, 18, 0xFF, 1], [0xC6, 1, 3], [0xC6, 1, 5], [0xC2, 3, 4, 1, 1], [0], [0xFF],
      [0xC6, 10, 6, 0, 0, 0, 0, 27, 0xFF, 0xFF, 0xFF, 0xFF],
    ] as [[UInt8]])
  func lyingLengths(bytes: [UInt8]) {
    #expect(throws: OpenPGPError.self) { try KeyRing(reading: bytes) }
  }

  @Test func immenseKeys() throws {
    // A modulus of 65535 bits that are there.
    let modulus = [0xFF, 0xFF] + [UInt8](repeating: 0xFF, count: 8192)
    let key = Maker.packet(6, [4, 0, 0, 0, 0, 1] + modulus + [0, 17, 1, 0, 1])
    #expect(throws: OpenPGPError.self) { try KeyRing(reading: key) }
    // 10 MB in one packet, 10 MB of packets, and more than any ring has.
    #expect(throws: OpenPGPError.self) {
      try KeyRing(reading: Maker.packet(6, [UInt8](repeating: 4, count: 10_000_000)))
    }
    let good = try Maker().certificate()
    var ring = good
    while ring.count < 10_000_000 { ring += Maker.packet(13, [UInt8](repeating: 0x41, count: 60_000)) }
    #expect(try KeyRing(reading: ring).certificates.count == 1)
    #expect(throws: OpenPGPError.self) { try KeyRing(reading: [UInt8](repeating: 0x99, count: 17 << 20)) }
    // A thousand and one self-signatures that would all have to be checked.
    let maker = try Maker()
    var many = good
    for index in 0..<1001 {
      many += Maker.packet(
        2, try maker.signature(0x13, at: day(1) + Int64(index), over: [[UInt8(index & 255)]]))
    }
    #expect(throws: OpenPGPError.self) { try KeyRing(reading: many) }
  }

  /// Argon2 with all memory there is, the largest iteration count, an unknown specifier: an answer at once.
  @Test func costlyPassphrases() throws {
    let body = try Maker().primary.body
    for protection: [UInt8] in [
      [253, 9, 2, 4] + [UInt8](repeating: 1, count: 16) + [255, 255, 31], [254, 9, 4, 8], [254, 9, 99, 8],
      [254, 9, 0, 1], [254, 99, 3, 8], [254, 9, 101, 0] + Array("GNU".utf8) + [1], [9], [254, 9, 101, 0],
    ] {
      let packet = Maker.packet(5, body + protection + [UInt8](repeating: 7, count: 60))
      let ring = try KeyRing(reading: packet)
      #expect(ring.secretKeys.count == 1)
      #expect(unlockingError(ring)?.code == .unusableKey)
      let word =
        protection[0] == 253
        ? "AEAD, which is not implemented" : protection == [254, 9, 4, 8] ? "Argon2" : ""
      #expect(word.isEmpty || unlockingError(ring)?.what.contains(word) == true)
    }
    let slowest: [UInt8] =
      [254, 9, 3, 10] + [UInt8](repeating: 1, count: 8) + [255] + [UInt8](repeating: 2, count: 16)
    let ring = try KeyRing(reading: Maker.packet(5, body + slowest + [UInt8](repeating: 7, count: 60)))
    let phrase = try SecureBytes(copying: Array("x".utf8).span)
    let code: OpenPGPError.Code?
    do {
      _ = try #require(ring.secretKeys.first).unlock(phrase)
      code = nil
    } catch { code = (error as? OpenPGPError)?.code }
    #expect(code == .wrongPassphrase)
  }

  /// Random damage to keys, rings and keyboxes: an error or keys, never a trap.
  @Test(arguments: ["rsa2048.pub.asc", "subkeys.sec.asc", "locked.sec.asc", "ring.pgp", "ring.kbx"])
  func damagedKeys(name: String) throws {
    let data = try Fixture.read("keys/\(name)")
    var random = SeededRandom(seed: 7)
    for _ in 0..<1000 {
      var changed = data
      for _ in 0...Int.random(in: 0...3, using: &random) {
        let place = Int.random(in: 0..<changed.count, using: &random)
        if Bool.random(using: &random) {
          changed[place] = UInt8.random(in: 0...255, using: &random)
        } else {
          changed.removeSubrange(place..<min(changed.count, place + Int.random(in: 1...20, using: &random)))
        }
        if changed.isEmpty { break }
      }
      guard let ring = try? KeyRing(reading: changed) else { continue }
      for certificate in ring.certificates {
        _ = try? certificate.fault(of: certificate.primary, at: day(2), now: day(3))
      }
    }
  }
}
