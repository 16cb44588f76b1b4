/// The type of a packet (RFC 9580 section 5).
struct PacketType: RawRepresentable, Hashable {
  let rawValue: UInt8

  static let signature = PacketType(rawValue: 2)
  static let secretKey = PacketType(rawValue: 5)
  static let publicKey = PacketType(rawValue: 6)
  static let secretSubkey = PacketType(rawValue: 7)
  static let marker = PacketType(rawValue: 10)
  static let trust = PacketType(rawValue: 12)
  static let userID = PacketType(rawValue: 13)
  static let publicSubkey = PacketType(rawValue: 14)
  static let userAttribute = PacketType(rawValue: 17)
  static let padding = PacketType(rawValue: 21)
}

/// A packet's type, and the range of its body in the data.
struct Packet {
  let type: PacketType
  /// The offset of the packet, for errors.
  let start: Int
  let body: Range<Int>
}

/// Reads packets from data, one after the other (RFC 9580 section 4.2).
struct PacketReader: ~Escapable {
  private var cursor: ByteCursor
  /// The beginning of a signature that was refused because the data ends within it.
  private(set) var incompleteSignature: Packet?
  /// Far more than any key or signature has; a photograph in a user attribute may have some tens of kilobytes.
  private static let maximumBody = 1 << 20

  @_lifetime(copy bytes)
  init(_ bytes: Span<UInt8>) {
    cursor = ByteCursor(bytes)
  }

  /// The next packet; nil at the end of the data.
  ///
  /// Partial and indeterminate lengths are refused: RFC 9580 sections 4.2.1.4 and 4.2.2.4 only allow them for
  /// data packets, which keys and signatures do not have.
  mutating func next() throws(OpenPGPError) -> Packet? {
    guard cursor.remaining > 0 else { return nil }
    let start = cursor.offset
    let header = try cursor.byte()
    guard header & 0x80 != 0 else {
      throw OpenPGPError(.malformedPacket, "a byte that does not begin a packet", at: start)
    }
    let type: UInt8
    let length: Int
    if header & 0x40 != 0 {
      type = header & 0x3F
      switch try cursor.integer(1) {
      case let first where first < 192: length = first
      case let first where first < 224: length = (first - 192) << 8 + (try cursor.integer(1)) + 192
      case 255: length = try cursor.integer(4)
      default: throw OpenPGPError(.malformedPacket, "a packet of partial length", at: start)
      }
    } else {
      type = header >> 2 & 15
      guard header & 3 < 3 else {
        throw OpenPGPError(.malformedPacket, "a packet of indeterminate length", at: start)
      }
      length = try cursor.integer(1 << Int(header & 3))
    }
    guard type != 0 else { throw OpenPGPError(.malformedPacket, "a packet of type 0", at: start) }
    guard length <= Self.maximumBody else {
      throw OpenPGPError(.tooLarge, "a packet of \(length) bytes", at: start)
    }
    if length > cursor.remaining, type == PacketType.signature.rawValue {
      let rest = cursor.offset..<cursor.offset + cursor.remaining
      incompleteSignature = Packet(type: .signature, start: start, body: rest)
    }
    return Packet(type: PacketType(rawValue: type), start: start, body: try cursor.skip(length))
  }

  /// The body of a packet that was read.
  @_lifetime(copy self)
  func body(_ packet: Packet) -> Span<UInt8> {
    cursor.extracting(packet.body)
  }

  /// Encodes a packet in the current format, with the shortest length (RFC 9580 section 4.2.1).
  static func encode(_ type: PacketType, _ body: [UInt8]) -> [UInt8] {
    var result = [0xC0 | type.rawValue] + length(body.count)
    result += body
    return result
  }

  /// Encodes a length in one, two or five bytes; subpackets (RFC 9580 section 5.2.3.7) use the same encoding.
  static func length(_ count: Int) -> [UInt8] {
    switch count {
    case ..<192: [UInt8(truncatingIfNeeded: count)]
    case ..<8384:
      [UInt8(truncatingIfNeeded: (count - 192) >> 8 + 192), UInt8(truncatingIfNeeded: count - 192)]
    default: [255] + BigEndian.bytes(UInt32(truncatingIfNeeded: count))
    }
  }
}
