import Gcrypt

/// One key of a ring of binary packets, byte for byte. It may be one that this module cannot read, so that
/// nothing is lost when the ring is written again.
public final class RingEntry: Sendable {
  /// The key; nil if it cannot be read.
  public let key: TransferableKey?
  private let packets: SecureBytes

  private init(_ key: TransferableKey?, _ packets: consuming SecureBytes) {
    self.key = key
    self.packets = packets
  }

  /// The entry's packets.
  ///
  /// - Throws: ``OpenPGPError`` if no secure memory is left.
  public func copyOfPackets() throws(OpenPGPError) -> SecureBytes {
    try gcrypt { () throws(GcryptError) in try packets.copy(0..<packets.count) }
  }

  /// The entry with a signature behind the part of the key that it is about; nil if that key did not make it, or does
  /// not have such a part.
  ///
  /// - Throws: ``OpenPGPError`` if no secure memory is left, or the key is too weak to verify anything.
  public func adding(_ loose: LooseSignature) throws(OpenPGPError) -> RingEntry? {
    let old = try copyOfPackets()
    guard let (offset, packet) = try loose.added(to: old.span) else { return nil }
    let count = old.count + packet.count
    var result = try gcrypt { () throws(GcryptError) in try SecureBytes(count: count) }
    var target = result.mutableSpan
    for index in 0..<offset { target[index] = old.span[index] }
    for index in packet.indices { target[offset + index] = packet[index] }
    for index in offset..<old.count { target[index + packet.count] = old.span[index] }
    return RingEntry(key, result)
  }

  /// Splits a ring into its keys.
  ///
  /// - Returns: the entries before the first byte that cannot be read as a packet, and the error there; the
  ///   error is nil if the entries are the whole ring.
  /// - Throws: ``OpenPGPError`` if the ring is too large or no secure memory is left.
  public static func read(
    _ bytes: Span<UInt8>
  ) throws(OpenPGPError) -> (entries: [RingEntry], fault: OpenPGPError?) {
    guard bytes.count <= KeyRing.maximumBytes else {
      throw OpenPGPError(.tooLarge, "\(bytes.count) bytes of keys")
    }
    var reader = PacketReader(bytes)
    var starts: [Int] = []
    var end = 0
    var fault: OpenPGPError?
    do {
      while let packet = try reader.next() {
        let isKey = packet.type == .publicKey || packet.type == .secretKey
        // Packets before the first key do not belong to a key, but must be kept, too.
        if isKey || starts.isEmpty { starts.append(packet.start) }
        end = packet.body.upperBound
      }
    } catch { fault = error }
    var entries: [RingEntry] = []
    for (index, start) in starts.enumerated() {
      let packets = bytes.extracting(start..<(index + 1 < starts.count ? starts[index + 1] : end))
      let key = try? TransferableKey.readOne(packets)
      entries.append(
        RingEntry(key, try gcrypt { () throws(GcryptError) in try SecureBytes(copying: packets) }))
    }
    return (entries, fault)
  }
}
