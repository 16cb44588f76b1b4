import Gcrypt
import PEMKeys
import TestSupport
import Testing

import DSSE

private func privateKey(_ name: String, passphrase: String = "") throws -> PEMPrivateKey {
  let text = try Fixture.read("keys/\(name).pem")
  if passphrase.isEmpty { return try PEMPrivateKey.read(text.span) }
  let phrase = try SecureBytes(copying: Array(passphrase.utf8).span)
  return try PEMPrivateKey.read(text.span, passphrase: phrase)
}

private func publicKeys(_ name: String) throws -> [PublicKey] {
  let text = try Fixture.read("keys/\(name).pem")
  return try PEMPublicKey.read(text)
}

private func python(_ arguments: [String], input: [UInt8] = []) throws -> ToolAnswer {
  try Tool.run(["/usr/bin/python3", "\(Fixture.root)/Tests/Oracle/dsse.py"] + arguments, input: input)
}

@Suite struct PEMKeyTests {
  @Test(arguments: [
    ("pem-rsa", ""), ("pem-rsa.pkcs1", ""), ("pem-rsa.aes256", "correct horse"), ("pem-p256", ""),
    ("pem-p256.sec1", ""), ("pem-p256.aes128", "correct horse"), ("pem-p384", ""), ("pem-p384.sec1", ""),
    ("pem-p384.aes192", "correct horse"), ("pem-p521", ""), ("pem-p521.sec1", ""),
    ("pem-p521.des3", "correct horse"), ("pem-ed25519", ""), ("pem-ed25519.scrypt", "correct horse"),
  ])
  func everyForm(name: String, passphrase: String) throws {
    let plain = String(name.split(separator: ".")[0])
    let key = try privateKey(name, passphrase: passphrase).publicKey
    #expect(try publicKeys("\(plain).pub") == [key])
    let expected = try python(["keyid", Fixture.path("keys/\(plain).pub.pem")])
    #expect(try key.sshFingerprint() + "\n" == expected.text)
  }

  @Test func publicKeyInPKCS1() throws {
    #expect(try publicKeys("pem-rsa.pkcs1.pub") == (try publicKeys("pem-rsa.pub")))
  }

  @Test(arguments: [
    ("pem-rsa.aes256", "", PEMError.Code.passphraseNeeded), ("pem-rsa.aes256", "battery", .wrongPassphrase),
    ("pem-ed25519.scrypt", "battery", .wrongPassphrase), ("pem-rsa.costly", "correct horse", .tooLarge),
    ("pem-rsa.oldcrypt", "correct horse", .unsupported), ("pem-rsa.pub", "", .noKey),
    ("pem-rsa1024", "", .unusableKey),
  ])
  func whatGivesNoKey(name: String, passphrase: String, code: PEMError.Code) throws {
    let error = #expect(throws: PEMError.self) { _ = try privateKey(name, passphrase: passphrase) }
    #expect(error?.code == code)
  }

  @Test func damagedPEM() throws {
    let text = String(decoding: try Fixture.read("keys/pem-ed25519.pem"), as: UTF8.self)
    for (damage, code) in [
      (text.replacing("END PRIVATE", with: "END PUBLIC"), PEMError.Code.malformedPEM),
      (String(text.dropLast(30)), .malformedPEM), (text.replacing("\nM", with: "\n*M"), .malformedPEM),
      ("", .noKey), (String(repeating: " ", count: 2 << 20), .tooLarge),
    ] {
      do {
        _ = try PEMPrivateKey.read(Array(damage.utf8).span)
        Issue.record("a damaged key was read")
      } catch { #expect(error.code == code) }
    }
  }

  /// Every byte of the DER changed in turn: an error or a key, never a trap.
  @Test(arguments: ["pem-ed25519", "pem-p256.sec1", "pem-rsa.pub"])
  func everyByteChanged(name: String) throws {
    let text = try Fixture.read("keys/\(name).pem")
    for index in text.indices.dropFirst(28).dropLast(28) {
      for replacement in ["A", "/", "5"].compactMap(\.utf8.first) {
        var changed = text
        changed[index] = replacement
        if name.hasSuffix("pub") {
          _ = try? PEMPublicKey.read(changed)
        } else {
          _ = try? PEMPrivateKey.read(changed.span)
        }
      }
    }
  }
}
