extension ClearSignedMessage {
  /// Whether the bytes of a message are the only ones that say the same (spec/signatures.md, "Strict
  /// verification"): no armor headers, blanks, other line ends or lengths, and nothing outside of what the
  /// signatures cover but who made them. The armor's checksum may be there or not: there are writers of either kind.
  static func isCanonical(_ bytes: [UInt8]) -> Bool {
    do {
      let message = try ClearSignedMessage(reading: bytes)
      guard let first = message.signatures.first else { return false }
      let armored = try armoredSignatures(bytes.span)
      var reader = PacketReader(armored.span)
      var packets: [UInt8] = []
      while let packet = try reader.next() {
        let body = reader.body(packet)
        guard try SignaturePacket.read(body, at: 0).isCanonical(body) else { return false }
        packets += PacketReader.encode(.signature, body.indices.map { body[$0] })
      }
      let lines = try canonicalLines(message.text)
      return [true, false].contains { hasChecksum in
        encode(lines, hash: first.hash, signatures: packets, hasChecksum: hasChecksum) == bytes
      }
    } catch {
      return false
    }
  }
}

extension SignaturePacket {
  /// Whether everything behind the hashed part of the packet's body is as it has to be.
  fileprivate func isCanonical(_ body: Span<UInt8>) throws(OpenPGPError) -> Bool {
    var cursor = ByteCursor(body)
    _ = try cursor.skip(hashedPart.count)
    let unhashed = try cursor.array(try cursor.integer(version == 4 ? 2 : 4))
    // The start of the digest and version 6's salt are compared with the digest and hashed.
    _ = try cursor.skip(2)
    if version == 6 { _ = try cursor.skip(try cursor.integer(1)) }
    let rest = try cursor.array(cursor.remaining)
    return issuerAreas.contains(unhashed) && value.map { $0.encoded(algorithm) == rest } == true
  }

  /// What may stand in the area that is not hashed: the issuer, who is known by having verified.
  private var issuerAreas: [[UInt8]] {
    var areas: [[UInt8]] = [[]]
    if let keyID = subpackets.anyIssuerKeyID { areas.append(Subpackets.encode(16, BigEndian.bytes(keyID))) }
    if let fingerprint = subpackets.issuerFingerprint {
      let version: UInt8 = fingerprint.count == 20 ? 4 : 6
      areas.append(Subpackets.encode(33, [version] + fingerprint))
      if areas.count == 3 { areas += [areas[1] + areas[2], areas[2] + areas[1]] }
    }
    return areas
  }
}
