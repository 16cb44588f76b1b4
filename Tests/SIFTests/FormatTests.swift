import Bytes
import Testing
import TestSupport

@testable import SIF

/// Structures survive a round trip, whatever they hold.
@Suite struct FormatTests {
  @Test func everyDescriptorSurvives() {
    var random = SeededRandom(seed: 585)
    for _ in 0..<2000 {
      let bytes = (0..<Descriptor.byteCount).map { _ in
        Bool.random(using: &random) ? UInt8.random(in: 0...255, using: &random) : 0
      }
      let descriptor = Descriptor(decoding: bytes.span.bytes, slot: 3)
      #expect(descriptor.encoded() == bytes)
      // Decoding metadata never fails, and knows every type.
      _ = descriptor.metadata
    }
  }

  @Test func everyHeaderSurvives() throws {
    var random = SeededRandom(seed: 128)
    for _ in 0..<2000 {
      var bytes = (0..<Header.byteCount).map { _ in UInt8.random(in: 0...255, using: &random) }
      bytes.replaceSubrange(32..<45, with: Header.magic + Header.currentVersion)
      #expect(try Header(decoding: bytes.span.bytes).encoded() == bytes)
    }
  }

  @Test func headerErrors() {
    let good = Header(id: .none, createdAt: .none).encoded()
    func code(_ bytes: [UInt8]) -> SIFError.Code? {
      do throws(SIFError) {
        _ = try Header(decoding: bytes.span.bytes)
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code(good) == nil)
    for count in 0..<128 { #expect(code(Array(good.prefix(count))) == (count < 41 ? .notSIF : .truncated)) }
    var other = good
    other[43] = UInt8(ascii: "2")
    #expect(code(other) == .unsupportedVersion)
    other = good
    other[41] = 1
    #expect(code(other) == .notSIF)
  }

  /// The bytes of a header, counted by hand from the table in spec/format.md.
  @Test func headerBytes() {
    var header = Header(
      launchScript: Array("#!x\n".utf8), id: ImageID(bytes: Array(1...16)), createdAt: .none)
    header.architecture = Architecture(name: "s390x") ?? .unknown
    header.modifiedAt = Timestamp(seconds: 0x0102_0304_0506_0708)
    let bytes = header.encoded()
    #expect(bytes.count == 128)
    #expect(Array(bytes[0..<5]) == Array("#!x\n\0".utf8))
    #expect(Array(bytes[32..<48]) == Array("SIF_MAGIC\u{0}01\u{0}11\u{0}".utf8))
    #expect(Array(bytes[48..<64]) == Array(1...16))
    #expect(Array(bytes[64..<72]).hexadecimal == "00096e88f1ffffff")
    #expect(Array(bytes[72..<80]) == [8, 7, 6, 5, 4, 3, 2, 1])
    #expect(
      Array(bytes[80..<128]).hexadecimal == "3000000000000000" + "3000000000000000" + "0010000000000000"
        + "b06d000000000000" + "b07d000000000000" + "0000000000000000")
  }

  /// Types that Debian's version does not know, by hand-computed bytes.
  @Test func newerTypes() throws {
    let storage = MemoryStorage()
    _ = try Image.create(.deterministic, in: storage)
    var editor = try ImageEditor(editing: storage)
    var index = BytesSource(Array("{}".utf8))
    try editor.add(NewObject(.ociRootIndex), from: &index)
    var blob = BytesSource([])
    try editor.add(NewObject(.ociBlob, group: nil, link: .object(1)), from: &blob)
    var system = BytesSource(Array("riscv".utf8))
    let partition = PartitionMetadata(
      fileSystem: .gocryptfsSquashfs, type: .primarySystem,
      architecture: Architecture(name: "loong64") ?? .unknown)
    try editor.add(NewObject(.partition, metadata: .partition(partition)), from: &system)

    let bytes = storage.bytes
    func slot(_ index: Int) -> [UInt8] { Array(bytes[4096 + index * 585..<4096 + (index + 1) * 585]) }
    let zeroTime = "00096e88f1ffffff"
    #expect(
      slot(0).prefix(73).map { $0 }.hexadecimal == "0a400000" + "01" + "01000000" + "010000f0" + "00000000"
        + "b07d000000000000" + "0200000000000000" + "0200000000000000" + zeroTime + zeroTime
        + "0000000000000000" + "0000000000000000")
    let digest = "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    #expect(Array(slot(0)[201..<272]) == Array(digest.utf8))
    #expect(slot(0)[272...].allSatisfy { $0 == 0 })
    #expect(Array(slot(1).prefix(17)).hexadecimal == "0b400000" + "01" + "02000000" + "000000f0" + "01000000")
    let empty = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    #expect(Array(slot(1)[201..<272]) == Array(empty.utf8))
    #expect(Array(slot(2)[201..<212]).hexadecimal == "06000000" + "02000000" + "313300")
    #expect(Array(bytes[45..<48]) == Array("13\0".utf8))
    #expect(bytes.count == 32768 + 5)
    #expect(Architecture(name: "riscv64")?.bytes == Array("12\0".utf8))
  }

  @Test func imageIDs() throws {
    let text = "3fa802cc-358b-45e3-bcc0-69dc7a45f9f8"
    let id = try #require(ImageID(text: text))
    #expect(id.text == text)
    #expect(id.bytes.prefix(4) == [0x3F, 0xA8, 0x02, 0xCC])
    for bad in ["", "3fa802cc358b45e3bcc069dc7a45f9f8", text + "0", text.replacing("3", with: "g")] {
      #expect(ImageID(text: bad) == nil)
    }
    #expect(ImageID.random() != ImageID.random())
  }

  /// Compares with date(1), over the years that it prints, and with the reference's zero time.
  @Test func times() throws {
    var random = SeededRandom(seed: 1970)
    var seconds: [Int64] = [0, -1, 86_399, 951_782_400, 951_868_799, 4_107_542_399, -62_135_596_800]
    seconds += (0..<200).map { _ in Int64.random(in: -62_135_596_800...253_402_300_799, using: &random) }
    let lines = seconds.map { "@\($0)\n" }.joined()
    let printed = try Tool.check(
      ["date", "-u", "-f", "-", "+%Y-%m-%d %H:%M:%S +0000 UTC"], input: Array(lines.utf8))
    let expected = printed.text.split(separator: "\n").map(String.init)
    #expect(seconds.map { Timestamp(seconds: $0).referenceText } == expected)
    #expect(Timestamp(seconds: 1_600_000_000).iso8601 == "2020-09-13T12:26:40Z")
  }

  /// The last time, and the first, which wraps around as it does in the reference (Go's `time.Time.String`).
  @Test func farTimes() {
    #expect(Timestamp(seconds: .max).referenceText == "292277026596-12-04 15:30:07 +0000 UTC")
    #expect(Timestamp(seconds: .min).referenceText == "292277026596-12-04 15:30:08 +0000 UTC")
    #expect(Timestamp.none.iso8601 == "0001-01-01T00:00:00Z")
  }

  /// The offsets and lengths of the fields are those of the specification's two tables.
  @Test func fieldsAreThoseOfTheSpecification() throws {
    let page = String(decoding: try Tool.read("\(Fixture.root)/spec/format.md"), as: UTF8.self)
    var tables: [[[Int64]]] = []
    var isTable = false
    for line in page.split(separator: "\n", omittingEmptySubsequences: false) {
      if line == "| offset | size | type | field | meaning |" {
        tables.append([])
        isTable = true
      } else if isTable, line.hasPrefix("| ") {
        tables[tables.count - 1].append(
          line.split(separator: "|").prefix(2).compactMap { Int64($0.filter(\.isNumber)) })
      } else if !line.hasPrefix("|---") {
        isTable = false
      }
    }
    #expect(tables.count == 2)
    #expect(tables.first == Header.Fields.all.map { [$0.offset, $0.byteCount] })
    #expect(tables.last == Descriptor.Fields.all.map { [$0.offset, $0.byteCount] })
    #expect(Header.Fields.dataSize.end == Int64(Header.byteCount))
    #expect(Descriptor.Fields.extra.end == Int64(Descriptor.byteCount))
  }
}
