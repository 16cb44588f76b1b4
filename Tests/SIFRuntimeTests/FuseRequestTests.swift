import Testing

@testable import SIFRuntime

/// Requests as the kernel writes them, and as it never would.
@Suite struct FuseRequestTests {
  private func request(_ bytes: [UInt8], _ body: (FuseRequest?) throws -> Void) rethrows {
    try bytes.withUnsafeBytes { try body(FuseRequest($0)) }
  }

  @Test func fields() throws {
    var bytes = [UInt8](repeating: 0, count: 40)
    bytes[0] = 46
    bytes[4] = 1
    bytes[8] = 7
    bytes[17] = 1
    bytes += Array("name\0\0".utf8)
    try request(bytes) { found in
      let found = try #require(found)
      #expect(found.operation == 1 && found.unique == 7 && found.node == 256)
      #expect(found.name(0) == Array("name".utf8) && found.name(2) == Array("me".utf8) && found.name(9) == [])
      #expect(found.argument(0) as UInt32 == 0x656D_616E)
      // What would lie behind the request is zero.
      #expect(found.argument(3) as UInt32 == 0 && found.argument(1 << 20) as UInt64 == 0)
    }
  }

  @Test func lengthsThatContradict() {
    for (count, stated) in [(0, 0), (39, 39), (40, 41), (48, 40), (40, 0)] {
      var bytes = [UInt8](repeating: 0, count: count)
      if count > 0 { bytes[0] = UInt8(stated) }
      request(bytes) { #expect($0 == nil) }
    }
  }
}
