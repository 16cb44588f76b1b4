import Gcrypt

/// The packets of one key as they were read (RFC 9580 sections 10.1 and 10.2), for passing them on unchanged.
public final class TransferableKey: Sendable {
  /// The primary key.
  public let primary: PublicKeyPacket
  /// Whether the packets contain the secret key.
  public let isSecret: Bool
  /// The packets of the public key. If secret packets were read, they are made from those.
  public let publicPackets: [UInt8]
  private let packets: SecureBytes

  private init(
    _ primary: PublicKeyPacket, isSecret: Bool, publicPackets: [UInt8], _ packets: consuming SecureBytes
  ) {
    self.primary = primary
    self.isSecret = isSecret
    self.publicPackets = publicPackets
    self.packets = packets
  }

  /// The packets as they were read, secret ones included.
  ///
  /// - Throws: ``OpenPGPError`` if no secure memory is left.
  public func copyOfPackets() throws(OpenPGPError) -> SecureBytes {
    do { return try packets.copy(0..<packets.count) } catch { throw OpenPGPError(error) }
  }

  /// The secret key as an armored block with a final newline. The text is secret unless the packets are locked.
  ///
  /// - Throws: ``OpenPGPError`` if the secret key is missing.
  public func armoredSecretKey() throws(OpenPGPError) -> SecureBytes {
    guard isSecret else { throw OpenPGPError(.noKey, "key \(primary.keyIDText) has no secret part") }
    let copy = try copyOfPackets()
    var count = 1
    Armor.encode(copy.span, .privateKey) { _ in count += 1 }
    var text = try gcrypt { () throws(GcryptError) in try SecureBytes(count: count) }
    var used = 0
    Armor.encode(copy.span, .privateKey) { byte in
      var span = text.mutableSpan
      span[used] = byte
      used += 1
    }
    var span = text.mutableSpan
    span[used] = 0x0A
    return text
  }

  /// Reads keys in any form that ``KeyRing`` reads. Malformed keys are skipped.
  ///
  /// - Throws: ``OpenPGPError`` if there is no readable key.
  public static func read(_ bytes: Span<UInt8>) throws(OpenPGPError) -> [TransferableKey] {
    var keys: [TransferableKey] = []
    try KeyData.forEachRun(of: bytes, { _ in }) { (run) throws(OpenPGPError) in
      var starts: [Int] = []
      var reader = PacketReader(run)
      var end = 0
      while let packet = try? reader.next() {
        if packet.type == .publicKey || packet.type == .secretKey { starts.append(packet.start) }
        end = packet.body.upperBound
      }
      for (index, start) in starts.enumerated() {
        let next = index + 1 < starts.count ? starts[index + 1] : end
        if let key = try? readOne(run.extracting(start..<next)) { keys.append(key) }
      }
    }
    guard !keys.isEmpty else { throw OpenPGPError(.noKey, "there is no OpenPGP key in the data") }
    return keys
  }

  static func readOne(_ bytes: Span<UInt8>) throws(OpenPGPError) -> TransferableKey {
    var reader = PacketReader(bytes)
    var primary: PublicKeyPacket?
    var isSecret = false
    var open: [UInt8] = []
    while let packet = try reader.next() {
      let body = reader.body(packet)
      switch packet.type {
      case .secretKey, .secretSubkey, .publicKey, .publicSubkey:
        let isPrimary = packet.type == .secretKey || packet.type == .publicKey
        if packet.type == .secretKey { isSecret = true }
        let (key, _) = try PublicKeyPacket.read(body, at: packet.start)
        if isPrimary { primary = key }
        open += PacketReader.encode(isPrimary ? .publicKey : .publicSubkey, key.body)
      // GnuPG's own notes are useless to others.
      case .trust: break
      default: open += PacketReader.encode(packet.type, body.indices.map { body[$0] })
      }
    }
    guard let primary else { throw OpenPGPError(.noKey, "there is no OpenPGP key in the data") }
    let copy: SecureBytes
    do { copy = try SecureBytes(copying: bytes) } catch { throw OpenPGPError(error) }
    return TransferableKey(primary, isSecret: isSecret, publicPackets: open, copy)
  }
}
