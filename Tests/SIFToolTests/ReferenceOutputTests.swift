import TestSupport
import Testing

/// Stdout of every read command, on every image of testdata/, against Debian's siftool.
@Suite struct ReferenceOutputTests {
  @Test(arguments: Fixture.imageNames)
  func readCommands(name: String) throws {
    let image = Fixture.path("images/\(name)")
    let listing = try Tool.run(["siftool", "list", image])
    let objects = listing.text.split(separator: "\n").count - 3
    try #require(listing.status == 0)
    var commands = [["list", image], ["header", image]]
    for id in 0...(objects + 1) {
      commands.append(["info", "\(id)", image])
      commands.append(["dump", "\(id)", image])
    }
    for command in commands {
      let theirs = try Tool.run(["siftool"] + command)
      let ours = try Siftool.run(command)
      #expect(ours.output == theirs.output, "\(command)\n\(ours.text)\n\(theirs.text)")
      #expect((ours.status == 0) == (theirs.status == 0), "\(command): \(ours.errors)")
      #expect(ours.errors.isEmpty == (ours.status == 0), "\(command): \(ours.errors)")
    }
  }

  @Test func thereAreImages() { #expect(Fixture.imageNames.count >= 16) }

  /// Times and sizes at their extremes print as the reference prints them.
  @Test(arguments: [
    Int64.min, Int64.min + 1, -62_135_596_801, -62_135_596_800, -62_135_596_799, -1, 0, 951_782_400,
    4_102_444_800, 253_402_300_799, 253_402_300_800, 9_223_372_036_854, Int64.max - 1, Int64.max,
  ])
  func extremeValues(value: Int64) throws {
    let directory = try Scratch()
    var bytes = try Fixture.read("images/groups-and-links.sif")
    let raw = withUnsafeBytes(of: value.littleEndian) { Array($0) }
    bytes.replaceSubrange(64..<72, with: raw)  // created at
    bytes.replaceSubrange(72..<80, with: raw)  // modified at
    bytes.replaceSubrange(80..<88, with: raw)  // free
    bytes.replaceSubrange(112..<120, with: raw)  // data offset
    bytes.replaceSubrange(120..<128, with: raw)  // data size
    let slot = 4096
    for offset in [17, 25, 41, 49] { bytes.replaceSubrange((slot + offset)..<(slot + offset + 8), with: raw) }
    let image = try directory.write("image.sif", bytes)
    for command in [["header", image], ["list", image], ["info", "1", image]] {
      let theirs = try Tool.run(["siftool"] + command)
      // With as many free descriptors as there are, the reference takes the image for empty.
      if theirs.status != 0 { continue }
      let ours = try Siftool.run(command)
      #expect(ours.output == theirs.output, "\(command)\n\(ours.text)\n\(theirs.text)")
    }
  }
}
