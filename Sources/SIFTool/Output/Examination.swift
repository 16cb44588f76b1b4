import Forensics
import Glibc
import LUKS
import LinuxSystem
import SIF
import Squash
import StrictJSON
import SystemPackage

/// Everything that a report says of an image, gathered without writing to it.
struct Examination {
  /// What one partition holds.
  struct Partition {
    let object: UInt32
    /// What stands out among its files; nil where they cannot be read.
    let files: FileStatistics?
    /// Why they cannot be read.
    let reason: String?
  }

  let path: FilePath
  let size: Int64
  /// The SHA-256 of the file before and after everything else; nil where it has none.
  let digests: (before: [UInt8]?, after: [UInt8]?)
  /// When the examination began; nil where no clock was to be read.
  let time: Timestamp?
  /// When the file was last changed.
  let fileTime: Timestamp
  let arguments: [String]
  let map: ImageMap
  let findings: [Finding]
  let carving: Carving
  let verification: VerificationReport?
  let lenient: LenientImage
  /// The image, where it can be opened.
  let image: Image?
  /// Labels, definition file and encryption, where it can be opened.
  let page: InspectPage?
  let partitions: [Partition]
  /// Text from inside the primary partition, where no object holds it.
  let inner: InnerTexts
  let environment: [UInt8]?
  let implausible: [ImplausibleTime]

  /// Why the image is damaged, if it is.
  var failure: ToolFailure? { map.problems.first.map { ToolFailure($0.naming(path)) } }

  /// Whether the file changed while it was examined.
  var hasChanged: Bool { digests.before != digests.after }

  init(
    _ path: PathArgument, _ storage: FileStorage, time: Timestamp?, trust: TrustOptions,
    _ progress: ProgressOptions
  ) throws {
    self.path = path.path
    self.time = time
    arguments = ["siftool"] + ArgumentBytes.commandLine.map(Self.shown)
    size = try storage.byteCount()
    let status = try storage.withDescriptor { (descriptor) throws(SystemError) in try descriptor.status() }
    fileTime = Timestamp(seconds: Int64(status.st_mtim.tv_sec))
    let bar = ProgressBar(total: 3 * size, shown: progress.showsProgress)
    let before = try StorageDigest.sha256(of: storage) { bar.advance(by: $0) }
    verification = try trust.verify(path, in: storage, progress)
    map = try ImageMap(of: storage, verification: verification) { bar.advance(by: $0) }
    let found = try ImageCheck(of: storage).findings
    findings = found
    carving = try Carving(of: storage)
    lenient = try LenientImage(reading: storage)
    let image = try? Image(reading: storage)
    self.image = image
    page = try image.map { try InspectPage($0, findings: found) }
    partitions =
      image.map { image in
        image.objects(ofType: .partition).prefix(64).map { PartitionContents.examine($0, image, now: time) }
      } ?? []
    inner = InnerTexts(image)
    environment = image.flatMap { InnerTexts.object(of: $0, .environmentVariables) }
    implausible = ImplausibleTime.all(in: lenient.header, lenient.descriptors, now: time)
    let after = try StorageDigest.sha256(of: storage) { bar.advance(by: $0) }
    digests = (before, after)
    bar.clear()
  }

  /// An argument as it may be shown.
  private static func shown(_ argument: String) -> String {
    let bytes = Array(ArgumentBytes.decode(argument).dropLast())
    return bytes.printable
  }
}

/// The bytes of partitions as file systems: the one place that knows which of them can be read.
enum PartitionContents {
  /// A reader of a partition's file system.
  ///
  /// - Throws: ``ToolFailure`` with a reason for people where it cannot be read.
  static func reader(of object: Descriptor, in image: Image) throws -> any RandomAccessReader {
    let bytes = try image.bytes(of: object)
    let start = try bytes.prefix(6)
    if start == [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE] {
      throw ToolFailure(.key, code: "encrypted", "it is encrypted")
    }
    guard start.starts(with: Array("hsqs".utf8)) else {
      throw ToolFailure(.failure, code: "not-squashfs", "it is no squashfs")
    }
    return PartitionReader(image.storage, offset: bytes.offset, byteCount: bytes.byteCount)
  }

  static func examine(_ object: Descriptor, _ image: Image, now: Timestamp?) -> Examination.Partition {
    do {
      let files = try FileStatistics(try reader(of: object, in: image), now: now)
      return Examination.Partition(object: object.id, files: files, reason: nil)
    } catch {
      let reason =
        switch error {
        case let error as ToolFailure: error.message
        case let error as SquashError: error.description
        case let error as SIFError: error.message
        default: "it cannot be read"
        }
      return Examination.Partition(object: object.id, files: nil, reason: reason)
    }
  }
}

/// Definition file, labels and environment as runtimes keep them inside the primary partition
/// (spec/runtime-layout.md).
struct InnerTexts {
  private(set) var definition: [UInt8]?
  private(set) var labels: [JSONMember] = []
  /// Scripts that set the environment: name and text.
  private(set) var environment: [(name: [UInt8], text: [UInt8])] = []

  /// The longest text that is shown, in bytes, and the most scripts.
  private static let longest: Int64 = 256 << 10
  private static let mostScripts = 32

  init(_ image: Image?) {
    guard let image, let primary = image.primarySystemPartition,
      let contents = try? PartitionContents.reader(of: primary, in: image),
      let squash = try? SquashImage(contents), let reader = try? SquashReader(squash)
    else { return }
    definition = Self.text("/.singularity.d/Singularity", reader)
    let text = Self.text("/.singularity.d/labels.json", reader)
    labels =
      text.flatMap { try? JSONParser.parse($0, limits: JSONLimits(keepsDuplicateKeys: true)) }?.members ?? []
    guard let folder = try? reader.lookup(Array("/.singularity.d/env".utf8)) else { return }
    var walker = TreeWalker(reader, from: folder)
    while environment.count < Self.mostScripts, let event = try? walker.next() {
      guard case .entry(let entry) = event, entry.inode.type == .regular else { continue }
      if let text = Self.text(entry.inode, reader), !text.isEmpty { environment.append((entry.name, text)) }
    }
  }

  private static func text(_ path: String, _ reader: SquashReader) -> [UInt8]? {
    (try? reader.lookup(Array(path.utf8))).flatMap { text($0.inode, reader) }
  }

  private static func text(_ inode: Squash.Inode, _ reader: SquashReader) -> [UInt8]? {
    guard let layout = inode.layout, layout.size <= longest else { return nil }
    var text: [UInt8] = []
    do {
      try reader.read(layout) { (_, bytes) throws(SquashError) in text += bytes }
    } catch {
      return nil
    }
    return text
  }

  /// The text of the first object of a type; nil where there is none, or where it is too long.
  static func object(of image: Image, _ type: DataType) -> [UInt8]? {
    guard let object = image.objects(ofType: type).first, object.size <= longest else { return nil }
    return try? image.bytes(of: object).prefix(Int(object.size))
  }
}
