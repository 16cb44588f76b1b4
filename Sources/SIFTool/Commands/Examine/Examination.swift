import Bytes
import CommandKit
import Partitions
import Forensics
import Glibc
import ImageTrust
import LUKS
import LinuxSystem
import SIF
import Squash
import StrictJSON
import SystemPackage

/// Everything that a report says about an image, gathered without writing to it.
struct Examination {
  /// The contents of one partition.
  struct Partition {
    let object: UInt32
    /// Its remarkable files; nil if they cannot be read.
    let files: FileStatistics?
    /// Why they cannot be read.
    let failure: ToolFailure?

    init(object: UInt32, files: FileStatistics?, failure: ToolFailure?) {
      self.object = object
      self.files = files
      self.failure = failure
    }

    /// A partition that is not examined, because too many others have the same bytes.
    init(sharing object: Descriptor) {
      self.init(
        object: object.id, files: nil,
        failure: ToolFailure(
          .malformed, code: SIFError.Code.malformed.rawValue, "it shares its bytes with too many others"))
    }
  }

  let path: FilePath
  let size: Int64
  /// The SHA-256 of the file before and after everything else; nil if it could not be computed.
  let digests: (before: [UInt8]?, after: [UInt8]?)
  /// When the examination began; nil if no time is to be recorded.
  let time: Timestamp?
  /// When the file was last changed.
  let fileTime: Timestamp
  let arguments: [String]
  let map: ImageMap
  let findings: [Finding]
  let carving: Carving
  let verification: VerificationReport?
  let lenient: LenientImage
  /// The image, if it can be opened.
  let image: Image?
  /// Labels, definition file and encryption, if it can be opened.
  let page: InspectPage?
  let partitions: [Partition]
  /// Texts from inside the primary partition, for those that no object holds.
  let inner: InnerTexts
  let environment: [UInt8]?
  let implausible: [ImplausibleTime]

  /// The failure to report: the image is damaged, or a given key opens nothing.
  var failure: ToolFailure? {
    map.damage.map { ToolFailure($0.naming(path)) } ?? fault
      ?? (isKeyNamed ? partitions.lazy.compactMap(\.failure).first { $0.status == .key } : nil)
  }

  private let isKeyNamed: Bool

  /// The first of the findings that are errors.
  private var fault: ToolFailure? {
    findings.first { $0.severity == .error }.map { finding in
      var failure = ToolFailure(
        .malformed, code: "check", "\(path.printable): \(finding.sentence)")
      failure.offset = finding.offset
      failure.objectID = finding.objectID
      return failure
    }
  }

  /// Whether the file changed while it was examined.
  let hasChanged: Bool

  init(
    _ path: PathArgument, _ storage: FileStorage, time: Timestamp?, trust: TrustOptions,
    key: VolumeKeySource, _ reporter: Reporter
  ) throws {
    self.path = path.path
    self.time = time
    isKeyNamed = key.isNamed
    arguments = ["siftool"] + ArgumentBytes.commandLine.map(Self.shown)
    let state = try Evidence.State(of: storage)
    size = try storage.byteCount
    let status = try storage.withDescriptor { (descriptor) throws(SystemError) in try descriptor.status() }
    fileTime = Timestamp(seconds: Int64(status.st_mtim.tv_sec))
    let bar = reporter.bar(total: 3 * size)
    let before = try StorageDigest.sha256(of: storage) { bar.advance(by: $0) }
    verification = try trust.verify(storage, reporter)
    map = try ImageMap(of: storage, verification: verification) { bar.advance(by: $0) }
    let found = try ImageCheck(of: storage).findings
    findings = found
    carving = try Carving(of: storage)
    lenient = try LenientImage(reading: storage)
    let image = try? Image(reading: storage)
    self.image = image
    page = try image.map { try InspectPage($0, findings: found, opened: nil) }
    let contents = image.map { OpenedPartitions($0, key) }
    var budget = ContentBudget(fileSize: size)
    partitions =
      contents.map { contents in
        contents.image.objects(ofType: .partition).prefix(64).map { object in
          budget.spend(object.size) ? contents.examine(object, now: time) : Partition(sharing: object)
        }
      } ?? []
    inner = InnerTexts(contents)
    environment = image.flatMap { InnerTexts.object(of: $0, .environmentVariables) }
    implausible = ImplausibleTime.all(in: lenient.header, lenient.descriptors, now: time)
    let after = try StorageDigest.sha256(of: storage) { bar.advance(by: $0) }
    digests = (before, after)
    hasChanged = try before != after || state.change(of: storage) != nil
    bar.clear()
  }

  /// An argument as it may be shown.
  private static func shown(_ argument: String) -> String {
    let bytes = Array(ArgumentBytes.decode(argument).dropLast())
    return bytes.printable
  }
}

/// The bytes of partitions as file systems: encrypted ones only if an option names their key.
final class OpenedPartitions {
  let image: Image
  private let key: VolumeKeySource
  /// Opened volumes, by the object's id: deriving a key takes long.
  private var opened: [UInt32: Result<any RandomAccess, ToolFailure>] = [:]

  init(_ image: Image, _ key: VolumeKeySource) {
    self.image = image
    self.key = key
  }

  /// A reader of a partition's file system.
  ///
  /// - Throws: ``ToolFailure`` with a reason for people if it cannot be read.
  func reader(of object: Descriptor) throws -> any RandomAccess {
    let bytes = try image.bytes(of: object)
    if object.isEncryptedSquashfs {
      guard key.isNamed else {
        throw ToolFailure(.key, code: "encrypted", "it is encrypted, and no key was given")
      }
      if opened[object.id] == nil { opened[object.id] = open(object) }
      if let volume = try opened[object.id]?.get() { return volume }
    }
    guard try bytes.prefix(ContentMagic.squashfs.count) == ContentMagic.squashfs else {
      throw ToolFailure(.failure, code: "not-squashfs", "it is not a squashfs")
    }
    return bytes
  }

  private func open(_ object: Descriptor) -> Result<any RandomAccess, ToolFailure> {
    do {
      let partition = try EncryptedPartition(object, in: image, allowsAnyCipher: key.allowsAnyCipher)
      return .success(try partition.unlock(with: key).contents)
    } catch {
      return .failure(ToolFailure(error))
    }
  }

  func examine(_ object: Descriptor, now: Timestamp?) -> Examination.Partition {
    do {
      let files = try FileStatistics(try reader(of: object), now: now)
      return Examination.Partition(object: object.id, files: files, failure: nil)
    } catch {
      return Examination.Partition(object: object.id, files: nil, failure: ToolFailure(error))
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

  init(_ contents: OpenedPartitions?) {
    guard let contents, contents.image.secondPrimary == nil,
      let primary = contents.image.primarySystemPartition,
      let bytes = try? contents.reader(of: primary), let squash = try? SquashImage(bytes),
      let reader = try? SquashReader(squash)
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

  /// The text of the object of a type that belongs to the primary partition; nil if there is none, or if it is too
  /// long.
  static func object(of image: Image, _ type: DataType) -> [UInt8]? {
    guard let object = image.companion(ofType: type), object.size <= longest else { return nil }
    return try? image.bytes(of: object).prefix(Int(object.size))
  }
}
