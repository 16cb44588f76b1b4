import Gcrypt
import TestSupport
import Testing

@testable import OpenPGP

/// 2024-01-01 00:00 UTC, when the test keys were made, and the days after.
func day(_ number: Int64) -> Int64 { 1_704_067_200 + (number - 1) * 86400 }

func ring(_ names: String...) throws -> KeyRing {
  var all = KeyRing()
  for name in names { try all.merge(try KeyRing(reading: try Fixture.read("keys/\(name)"))) }
  return all
}

func clearSign(_ text: String, _ ring: KeyRing, at time: Int64 = day(2), passphrase: String = "") throws
  -> [UInt8]
{
  let certificate = try #require(ring.certificates.first)
  let secret = try ring.signingSecret(of: certificate, now: time)
  let phrase = try SecureBytes(copying: Array(passphrase.utf8).span)
  let key = try SigningKey(unlocking: secret, of: certificate.primary, passphrase: phrase)
  return try key.clearSign(Array(text.utf8), at: time)
}

/// The fault of the only signature in a block: nil for a good one.
func fault(_ block: [UInt8], _ ring: KeyRing, now: Int64 = day(3)) throws -> SignatureFault? {
  let reports = try ClearSignedMessage(reading: block).verify(with: ring, now: now)
  #expect(reports.count == 1)
  return try #require(reports.first).fault
}

let metadata = "{\"version\":1,\"header\":{\"digest\":\"sha256:00\"},\"objects\":[]}"

/// The packets of a new key that expires after a year: public ones, secret ones.
func generate(_ kind: GeneratedKey.Kind, _ passphrase: String) throws -> ([UInt8], [UInt8]) {
  let phrase = try SecureBytes(copying: Array(passphrase.utf8).span)
  let made = try GeneratedKey(
    kind, userID: "test <test@example.org>", passphrase: phrase, at: day(1), lifetime: 86400 * 365)
  return (made.publicPackets, plain(try made.secretPackets()))
}

private func plain(_ bytes: borrowing SecureBytes) -> [UInt8] {
  let span = bytes.span
  return span.indices.map { span[$0] }
}

/// What unlocking the first secret key without a passphrase throws.
func unlockingError(_ ring: KeyRing) -> OpenPGPError? {
  do {
    _ = try ring.secretKeys.first?.unlock()
    return nil
  } catch {
    return error
  }
}
