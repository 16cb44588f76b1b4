import Gcrypt
import TestSupport
import Testing

@testable import OpenPGP

/// What the owner says of a key counts in whichever order it stands in the block.
@Suite struct OrderTests {
  private let maker: Maker
  private let sub: Maker
  /// The key, its name and certification, the subkey and its binding.
  private let packets: [[UInt8]]

  init() throws {
    maker = try Maker()
    sub = try Maker("nistp256")
    packets = try KeyPackets.split(try maker.withSubkey(sub)).map(\.bytes)
    try #require(packets.count == 5)
  }

  private func permutations(_ items: [[UInt8]]) -> [[[UInt8]]] {
    guard items.count > 1 else { return [items] }
    return items.indices.flatMap { index in
      var rest = items
      let one = rest.remove(at: index)
      return permutations(rest).map { [one] + $0 }
    }
  }

  @Test func everyOrder() throws {
    let block = try sub.block()
    let (key, subkey) = (maker.primary.hashed, sub.primary.hashed)
    let name = [key, maker.name.hashed]
    let later = day(1) + 10
    func flags(_ flags: UInt8) -> [UInt8] { Subpackets.encode(27, [flags]) }
    let expiry = Subpackets.encode(9, BigEndian.bytes(UInt32(3600)))
    let back = Subpackets.encode(32, try sub.signature(0x19, at: day(1), over: [key, subkey]))
    let cases: [([UInt8]?, SignatureFault?)] = [
      (nil, nil), (try maker.signature(0x20, at: later, over: [key]), .keyRevoked),
      (try maker.signature(0x28, at: later, over: [key, subkey]), .keyRevoked),
      (try maker.signature(0x30, at: later, over: name), .userIDsRevoked),
      (try maker.signature(0x13, at: later, flags(1) + expiry, over: name), .keyExpired),
      (try maker.signature(0x1F, at: later, expiry, over: [key]), .keyExpired),
      (try maker.signature(0x18, at: later, flags(2) + expiry + back, over: [key, subkey]), .keyExpired),
      (try maker.signature(0x18, at: later, flags(12), over: [key, subkey]), .keyNotForSigning),
      // By unknown means: it may be right.
      (changed(try maker.signature(0x28, at: later, over: [key, subkey])), .keyRevoked),
    ]
    for (statement, expected) in cases {
      let behind = packets.dropFirst() + (statement.map { [Maker.packet(2, $0)] } ?? [])
      for order in permutations(Array(behind)) {
        let keys = try KeyRing(reading: packets[0] + order.flatMap { $0 })
        #expect(try fault(block, keys, now: day(10)) == expected, "\(order)")
      }
    }
  }

  private func changed(_ signature: [UInt8]) -> [UInt8] {
    var copy = signature
    copy[2] = 99
    return copy
  }

  /// Two statements of one second: always the same one counts.
  @Test func twoStatementsOfOneTime() throws {
    let name = [maker.primary.hashed, maker.name.hashed]
    let expiring = Maker.packet(
      2,
      try maker.signature(0x13, at: day(1), Subpackets.encode(9, BigEndian.bytes(UInt32(3600))), over: name))
    let key = try maker.certificate()
    let head = Maker.packet(6, maker.primary.body) + Maker.packet(13, maker.name.bytes)
    let verdicts = try [key + expiring, head + expiring + key.dropFirst(head.count)].map {
      try fault(try maker.block(), try KeyRing(reading: $0), now: day(10))
    }
    #expect(verdicts[0] == verdicts[1])
  }

  /// The parts of a key in two copies, and its revocation in a third without the part that it is about.
  @Test func partsInSeveralCopies() throws {
    let (key, subkey) = (maker.primary.hashed, sub.primary.hashed)
    let stub =
      packets[0] + Maker.packet(2, try maker.signature(0x28, at: day(1), over: [key, subkey]))
    let whole = packets.flatMap { $0 }
    for ring in [whole + stub, stub + whole] {
      #expect(try fault(try sub.block(), try KeyRing(reading: ring), now: day(10)) == .keyRevoked)
    }
    var merged = try KeyRing(reading: stub)
    try merged.merge(try KeyRing(reading: whole))
    #expect(try fault(try sub.block(), merged, now: day(10)) == .keyRevoked)
  }

  /// Names and misplaced signatures by the thousand cost no more than the limits say.
  @Test func manyPartsAndStrays() throws {
    var strays: [UInt8] = []
    let binding = try #require(packets.last)
    for number in 0..<900 {
      var copy = binding
      copy[copy.count - 1] = UInt8(number & 255)
      copy[copy.count - 2] = UInt8(number >> 8)
      strays += copy
    }
    let names = (0..<5000).flatMap { Maker.packet(13, BigEndian.bytes(UInt32($0))) }
    let ring = #expect(throws: OpenPGPError.self) { try KeyRing(reading: packets[0] + strays + names) }
    #expect(ring?.code == .tooLarge)
    let long = (0..<900).flatMap {
      Maker.packet(13, BigEndian.bytes(UInt32($0)) + [UInt8](repeating: 0x41, count: 2000))
    }
    let certification = try maker.signature(0x13, at: day(1), over: [maker.primary.hashed])
    let certifications = (0..<900).flatMap { number -> [UInt8] in
      Maker.packet(2, certification.dropLast(2) + [UInt8(number >> 8), UInt8(number & 255)])
    }
    #expect(throws: OpenPGPError.self) { try KeyRing(reading: packets[0] + long + certifications) }
  }
}
