import Bytes
import SIF
import Testing
import TestSupport

/// What a program outside of this package calls: short forms do what the long ones do, and no value traps or turns into
/// another one.
@Suite struct PublicCallTests {
  private let directory: Scratch
  private let path: String

  /// A directory with an empty image.
  init() throws {
    directory = try Scratch()
    path = directory.file("image.sif")
    try Image.create(at: path)
  }

  @Test func anImageIsMadeInOneCall() throws {
    let image = try Image(opening: path)
    #expect(image.header.id != .none && image.header.createdAt > Timestamp(seconds: 1_700_000_000))
    #expect(image.header.descriptorsTotal == Header.defaultCapacity && image.descriptors.isEmpty)
    let again = try Image.create(at: path, .deterministic)
    #expect(again.header.isDeterministic)
    let error = #expect(throws: SIFError.self) { try Image.create(at: "\(directory.path)/none/image.sif") }
    #expect(error?.code == .system && error?.description.contains("\(directory.path)/none") == true)
    let long = #expect(throws: SIFError.self) {
      try Image.create(at: path, Image.Creation(launchScript: Array(repeating: 0x61, count: 32)))
    }
    #expect(long?.code == .invalidArgument && long?.path?.string == path)
    for capacity in [-1, Int64.min, .max] {
      _ = Header(id: .none, createdAt: .none, capacity: capacity)
      let error = #expect(throws: SIFError.self) {
        try Image.create(at: path, Image.Creation(capacity: capacity))
      }
      #expect(error?.code == .invalidArgument)
    }
    #expect(try Image(opening: path).header.isDeterministic)
  }

  @Test func objectsAsTextAndBytes() throws {
    var editor = try ImageEditor(opening: path)
    let added = try editor.add(NewObject(.generic, name: "notes"), bytes: Array("hello\n".utf8))
    #expect(added.name == Array("notes".utf8) && added.nameText == "notes")
    let image = try Image(opening: path)
    #expect(try image.contents(of: added) == Array("hello\n".utf8))
    #expect(try image.contents(of: added, limit: 6).count == 6)
    for limit in [5, -1] {
      let error = #expect(throws: SIFError.self) { try image.contents(of: added, limit: limit) }
      #expect(error?.code == .limitExceeded && error?.objectID == 1)
    }
    var hostile = added
    hostile.name = Array("a\u{1B}b".utf8)
    #expect(hostile.nameText == "a\\x1bb")
  }

  @Test func numbersThatDoNotFitAreRefused() throws {
    var editor = try ImageEditor(opening: path)
    let bad = [
      NewObject(.generic, group: .max), NewObject(.generic, group: 0x1000_0000),
      NewObject(.generic, group: 0),
      NewObject(.generic, link: .object(0xF000_0001)), NewObject(.generic, link: .group(0x1000_0000)),
      NewObject(.generic, link: .object(0)),
      NewObject(
        .partition,
        metadata: .partition(
          PartitionMetadata(
            fileSystem: .raw, type: .data, architecture: Architecture(bytes: [0x30, 0x32, 0, 0x31])))),
      NewObject(
        .signature,
        metadata: .signature(SignatureMetadata(hash: .sha256, entity: Array(repeating: 1, count: 257)))),
      NewObject(.ociBlob, metadata: .ociDigest(Array(repeating: 0x61, count: 385))),
    ]
    for object in bad {
      let error = #expect(throws: SIFError.self) { try editor.add(object, bytes: [1]) }
      #expect(error?.code == .invalidArgument, "\(object)")
    }
    #expect(editor.image.descriptors.isEmpty)
    let last = Descriptor.largestNumber
    let added = try editor.add(NewObject(.generic, group: last, link: .group(last)), bytes: [1])
    let stored = try Image(opening: path).object(id: added.id)
    #expect(stored.group == last && stored.link == .group(last))
  }

  /// Descriptors are values that a program may change before it asks about them.
  @Test func impossibleDescriptors() throws {
    var editor = try ImageEditor(opening: path)
    var object = try editor.add(NewObject(.generic), bytes: [1])
    let image = editor.image
    object.slot = .max
    object.offset += 1
    object.size = -1
    object.sizeWithPadding = .max
    #expect(throws: SIFError.self) { try image.bytes(of: object) }
    #expect(!object.accountsForPadding(5, image.header))
    _ = try LenientImage(reading: image.storage).position(ofSlot: .max)
    _ = try LenientImage(reading: image.storage).position(ofSlot: .min)
  }

  @Test func constantsHaveTheirNames() {
    let architectures: [Architecture] = [
      .i386, .amd64, .arm, .arm64, .ppc64, .ppc64le, .mips, .mipsle, .mips64, .mips64le, .s390x, .riscv64,
      .loong64,
    ]
    #expect(architectures == Architecture.allKnown)
    #expect(Architecture.amd64.name == "amd64" && Architecture.riscv64.name == "riscv64")
    let formats: [SBOMFormat] = [
      .cycloneDXJSON, .cycloneDXXML, .gitHubJSON, .spdxJSON, .spdxRDF, .spdxTagValue, .spdxYAML, .syftJSON,
    ]
    #expect(formats == SBOMFormat.allKnown)
    #expect(SBOMFormat.spdxJSON.name == "spdx-json" && SBOMFormat.cycloneDXXML.name == "cyclonedx-xml")
  }

  /// Two files of one length that both lack an object's end: their present bytes are compared.
  @Test func truncatedObjectsAreComparedAsFarAsTheyGo() throws {
    var editor = try ImageEditor(opening: path)
    let object = try editor.add(NewObject(.generic), bytes: Array(repeating: 7, count: 1000))
    let whole = try directory.read("image.sif")
    let end = Int(object.offset) + 500
    let cut = MemoryStorage(Array(whole[..<end]))
    var changed = Array(whole[..<end])
    changed[end - 1] = 8
    let image = try Image(reading: cut)
    #expect(try image.differences(from: Image(reading: MemoryStorage(Array(whole[..<end])))) == [])
    #expect(
      try image.differences(from: Image(reading: MemoryStorage(changed))) == [
        .contents(object: 1, offset: 499)
      ])
    let differences = try image.differences(from: Image(reading: MemoryStorage(whole)))
    #expect(
      differences == [
        .fileSize(first: Int64(end), second: Int64(whole.count)),
        .truncation(object: 1, isFirstWhole: false, isSecondWhole: true),
      ])
    #expect(
      differences.map(\.description) == [
        "file  fileSize  \(end) | \(whole.count)", "object 1  bytes  truncated | whole",
      ])
  }
}
