import Gcrypt
import TestSupport
import Testing

@testable import OpenPGP

/// Makes keys and signatures that no well-behaved program makes.
final class Maker {
  let primary: PublicKeyPacket
  private let keys: KeyRing

  /// With the Ed25519 or another test key as the primary key.
  init(_ name: String = "ed25519") throws {
    keys = try ring("\(name).sec.asc")
    primary = try #require(keys.certificates.first).primary
  }

  /// A signature packet by one of the test keys over parts, made at a time.
  func signature(
    _ type: UInt8, at time: Int64, _ subpackets: [UInt8] = [], over parts: [[UInt8]]
  ) throws -> [UInt8] {
    let none = try SecureBytes(count: 0)
    let secret = try #require(keys.secretKeys.first)
    let signer = try SigningKey(unlocking: secret, of: primary, passphrase: none)
    return try signer.sign(parts, type: SignatureType(rawValue: type), at: time, subpackets: subpackets)
  }

  static func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    PacketReader.encode(PacketType(rawValue: type), body)
  }

  let name = UserID(bytes: Array("test <test@example.org>".utf8), signatures: [])

  /// Primary key, name and certification. `flags` nil leaves key flags out.
  func certificate(flags: UInt8? = 3, lifetime: UInt32? = nil, at time: Int64 = day(1)) throws -> [UInt8] {
    var subpackets = flags.map { Subpackets.encode(27, [$0]) } ?? []
    if let lifetime { subpackets += Subpackets.encode(9, BigEndian.bytes(lifetime)) }
    return Self.packet(6, primary.body) + Self.packet(13, name.bytes)
      + Self.packet(2, try signature(0x13, at: time, subpackets, over: [primary.hashed, name.hashed]))
  }

  /// A revocation of the primary key; it goes right behind the key packet.
  func revoked(_ reason: UInt8?, at time: Int64) throws -> [UInt8] {
    let subpackets = reason.map { Subpackets.encode(29, [$0]) } ?? []
    let revocation = Self.packet(2, try signature(0x20, at: time, subpackets, over: [primary.hashed]))
    let key = Self.packet(6, primary.body)
    return key + revocation + (try certificate().dropFirst(key.count))
  }

  /// Adds another test key as a signing subkey, with or without its own consent.
  func withSubkey(
    _ other: Maker, flags: UInt8? = 2, hasBackSignature: Bool = true, revocation: (UInt8?, Int64)? = nil
  ) throws -> [UInt8] {
    let parts = [primary.hashed, other.primary.hashed]
    var subpackets = flags.map { Subpackets.encode(27, [$0]) } ?? []
    if hasBackSignature {
      subpackets += Subpackets.encode(32, try other.signature(0x19, at: day(1), over: parts))
    }
    var result = try certificate(flags: 1) + Self.packet(14, other.primary.body)
    result += Self.packet(2, try signature(0x18, at: day(1), subpackets, over: parts))
    if let (reason, time) = revocation {
      let why = reason.map { Subpackets.encode(29, [$0]) } ?? []
      result += Self.packet(2, try signature(0x28, at: time, why, over: parts))
    }
    return result
  }

  /// A block over a text with a signature of any type.
  func block(
    _ text: String = metadata, type: UInt8 = 1, at time: Int64 = day(2), subpackets: [UInt8] = []
  ) throws -> [UInt8] {
    let body = try signature(type, at: time, subpackets, over: [Array(text.utf8)])
    return ClearSignedMessage.encode([Array(text.utf8)], hash: .sha256, signatures: Self.packet(2, body))
  }
}
