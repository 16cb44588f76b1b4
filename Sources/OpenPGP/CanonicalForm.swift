extension ClearSignedMessage {
  /// Whether a message is encoded in the only allowed way (spec/signatures.md, "Strict verification"):
  /// without armor headers, blanks, and other line endings or lengths, and with nothing outside the signed
  /// parts except the issuer. The armor's checksum is optional, because writers differ in that.
  public static func isCanonical(_ bytes: [UInt8]) -> Bool {
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
  /// Whether everything after the hashed part of the packet's body is canonical.
  fileprivate func isCanonical(_ body: Span<UInt8>) throws(OpenPGPError) -> Bool {
    var cursor = ByteCursor(body)
    _ = try cursor.skip(hashedPart.count)
    let unhashed = try cursor.array(try cursor.integer(version == 4 ? 2 : 4))
    // These two are protected: the start of the digest is compared with the digest, and version 6's salt is hashed.
    _ = try cursor.skip(2)
    if version == 6 { _ = try cursor.skip(try cursor.integer(1)) }
    let rest = try cursor.array(cursor.remaining)
    return issuerAreas.contains(unhashed) && value.map { $0.encoded(algorithm) == rest } == true
  }

  /// The allowed contents of the unhashed area: only the issuer, whom verification confirms.
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
