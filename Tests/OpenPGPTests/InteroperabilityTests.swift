import Bytes
import Gcrypt
import Testing
import TestSupport

@testable import OpenPGP

private let algorithms = ["rsa2048", "rsa4096", "nistp256", "nistp384", "nistp521", "ed25519"]

@Suite struct KeyReadingTests {
  @Test(arguments: algorithms + ["subkeys", "expires"])
  func fingerprintsAreGnuPGs(name: String) throws {
    let data = try Fixture.read("keys/\(name).pub.asc")
    let keys = try KeyRing(reading: data)
    #expect(keys.skipped == [])
    let answer = try GnuPG(importing: data).run([
      "--with-colons", "--fingerprint", "--fingerprint", "--list-keys",
    ])
    let expected = answer.text.split(separator: "\n").filter { $0.hasPrefix("fpr:") }
      .map { String($0.split(separator: ":", omittingEmptySubsequences: false)[9]) }
    let certificate = try #require(keys.certificates.first)
    #expect(
      [certificate.primary.fingerprintText] + certificate.subkeys.map(\.key.fingerprintText) == expected)
    #expect(certificate.userIDs.map(\.text) == ["\(name) <\(name)@example.org>"])
  }

  @Test(arguments: ["ring.pgp", "ring.kbx"])
  func ringsOfSeveralKeys(name: String) throws {
    let keys = try ring(name)
    for key in ["rsa2048", "ed25519", "nistp256"] {
      let one = try #require(try ring("\(key).pub.asc").certificates.first)
      #expect(keys.certificates(withKeyID: one.primary.keyID).count == 1)
      #expect(keys.certificate(withFingerprint: one.primary.fingerprint)?.primary == one.primary)
    }
    #expect(keys.certificates.count == (name == "ring.kbx" ? 9 : 3))
  }

  @Test func aSecretKeyHasItsPublicPart() throws {
    let secret = try ring("rsa2048.sec.asc")
    let open = try ring("rsa2048.pub.asc")
    #expect(secret.certificates.first?.primary == open.certificates.first?.primary)
    #expect(secret.secretKeys.count == 1)
    #expect(open.secretKeys.isEmpty)
  }
}

@Suite struct InteroperabilityTests {
  @Test(arguments: ["rsa2048", "nistp256", "nistp384", "nistp521", "ed25519", "subkeys", "expires"])
  func whatGnuPGSigned(name: String) throws {
    let block = try Fixture.read("keys/\(name).msg.asc")
    let message = try ClearSignedMessage(reading: block)
    #expect(
      String(decoding: message.text, as: UTF8.self)
        == "{\"signed\":\"by \(name)\"}\r\n- a dash\r\n\r\ntrailing blanks")
    let report = try #require(try message.verify(with: try ring("\(name).pub.asc"), now: day(3)).first)
    #expect(report.fault == nil)
    #expect(report.userIDs == ["\(name) <\(name)@example.org>"])
    #expect(report.signedAt == day(2))
  }

  @Test(arguments: algorithms + ["subkeys"])
  func whatWeSign(name: String) throws {
    let open = try Fixture.read("keys/\(name).pub.asc")
    let keys = try ring("\(name).sec.asc")
    for text in [metadata, "- dash\n-\n\n  \ntrailing \t \nend\n", ""] {
      let block = try clearSign(text, keys)
      #expect(try fault(block, keys) == nil)
      #expect(try GnuPG(importing: open).isGood(block, now: day(3)))
      #expect(try RNP(importing: open).isGood(block))
      // What the Go library signs as text, it checks as text: an empty text it never signs.
      if !text.isEmpty {
        let path = Fixture.path("keys/\(name).pub.asc")
        #expect(try GoOracle.verdicts([block], keys: path, now: day(3)) == [nil])
      }
    }
  }

  @Test(arguments: ["rsa2048", "nistp256", "nistp384", "nistp521", "ed25519"])
  func whatGoSigns(name: String) throws {
    let path = Fixture.path("keys/\(name).sec.asc")
    let text = metadata + "\n-dash\nblanks \t\n"
    let answer = try GoOracle.run(["clearsign", path, String(day(2))], input: Array(text.utf8))
    #expect(answer.status == 0, "\(answer.errors)")
    let keys = try ring("\(name).sec.asc")
    let theirs = try ClearSignedMessage(reading: answer.output)
    #expect(try fault(answer.output, keys) == nil)
    let ours = try ClearSignedMessage(reading: try clearSign(text, keys))
    #expect(ours.text == theirs.text)
    // ECDSA as Go signs it takes random numbers, and SHA-256 whatever the curve.
    if name == "rsa2048" || name == "ed25519" { #expect(try clearSign(text, keys) == answer.output) }
  }

  @Test func keysLockedByGnuPG() throws {
    let keys = try ring("locked.sec.asc")
    let block = try clearSign(metadata, keys, passphrase: "correct horse")
    #expect(try GnuPG(importing: try Fixture.read("keys/locked.pub.asc")).isGood(block, now: day(3)))
    let wrong = #expect(throws: OpenPGPError.self) {
      _ = try clearSign(metadata, keys, passphrase: "battery")
    }
    #expect(wrong?.code == .wrongPassphrase)
    let empty = #expect(throws: OpenPGPError.self) { _ = try clearSign(metadata, keys, passphrase: "") }
    #expect(empty?.code == .wrongPassphrase)
    #expect(unlockingError(keys)?.code == .passphraseNeeded)
  }

  @Test(arguments: ["", "correct horse"])
  func keysThatGoMade(passphrase: String) throws {
    let packets = try GoOracle.run(["newkey", String(day(1)), passphrase])
    let keys = try KeyRing(reading: packets.output)
    let block = try clearSign(metadata, keys, passphrase: passphrase)
    #expect(try fault(block, keys) == nil)
    #expect(try GnuPG(importing: packets.output).isGood(block, now: day(3)))
  }

  @Test func aPlaceholderForASecret() throws {
    // The primary key only certifies; the subkey is there and signs.
    let keys = try ring("subkeys.dummy.asc")
    #expect(try fault(try clearSign(metadata, keys), keys) == nil)
    let why = unlockingError(keys)
    #expect(why?.code == .unusableKey)
    #expect(why?.what.contains("placeholder") == true)
  }

  @Test(arguments: [(GeneratedKey.Kind.ed25519, ""), (.ed25519, "correct horse"), (.rsa(bits: 2048), "x")])
  func keysThatWeMake(kind: GeneratedKey.Kind, passphrase: String) throws {
    let (open, secret) = try generate(kind, passphrase)
    let keys = try KeyRing(reading: secret)
    let block = try clearSign(metadata, keys, passphrase: passphrase)
    let gnupg = try GnuPG(importing: KeyArmor.publicKey(open))
    #expect(try gnupg.isGood(block, now: day(3)))
    #expect(try RNP(importing: open).isGood(block))
    let directory = try Scratch()
    let path = try directory.write("key.pgp", open)
    #expect(try GoOracle.verdicts([block], keys: path, now: day(3)) == [nil])
    // GnuPG signs with our secret key, and we take its signature.
    let other = try GnuPG(importing: secret)
    let signed = try other.run(
      [
        "--faked-system-time", "\(day(2))!", "--pinentry-mode", "loopback", "--passphrase", passphrase,
        "--clear-sign",
      ], input: Array(metadata.utf8))
    #expect(signed.status == 0, "\(signed.errors)")
    #expect(try fault(signed.output, keys) == nil)
  }
}
