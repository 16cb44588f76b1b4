import ArgumentParser
import CommandKit
import Forensics
import Gcrypt
import Glibc
import LinuxSystem
import Partitions
import SIF
import Squash

/// An image that is examined, and the names of things in it.
struct EvidenceOptions: ParsableArguments {
  @Argument(help: "The image.") var image: PathArgument
  @Option(
    help: ArgumentHelp(
      "Read only the files of this partition (default: of every partition).", valueName: "id"))
  var id: ObjectID?
  @Option(
    help: ArgumentHelp("The name of the image in the output (default: its path).", valueName: "text"))
  var name: BytesArgument?
  @Option(
    help: ArgumentHelp(
      "The prefix of the paths of files, in place of IMAGE#ID; '.' for an extracted tree.",
      valueName: "text"))
  var prefix: BytesArgument?
  @OptionGroup var threads: ThreadOptions
  @Option(
    help: ArgumentHelp(
      "The most bytes to hash, including holes (default: 64G plus 32 times the space of the image on its disk).",
      valueName: "size"))
  var limit: SizeArgument?
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions

  /// Opens the image, damaged or not.
  func open(_ reporter: Reporter) throws -> (EvidenceImage, HashBudget) {
    let storage: EvidenceStorage
    let evidence: EvidenceImage
    let status: Int64
    do throws(SIFError) {
      storage = try EvidenceStorage(opening: image.path)
      evidence = try EvidenceImage(storage)
    } catch {
      throw error.naming(image.path)
    }
    status = try storage.bytesOnDisk()
    if !storage.keepsAccessTime {
      reporter.note("you do not own the image: reading it may change its access time")
    }
    if let id, evidence.descriptors.contains(where: { $0.id == id.value && $0.dataType != .partition }) {
      throw SIFError(
        .notPartition, "object \(id.value) is not a partition", path: image.path, objectID: id.value)
    }
    if let id, !evidence.descriptors.contains(where: { $0.id == id.value }) {
      throw SIFError(
        .objectNotFound, "no object has the id \(id.value)", path: image.path, objectID: id.value)
    }
    return (evidence, limit.map { HashBudget(limit: $0.bytes) } ?? HashBudget(bytesOnDisk: status))
  }

  /// The slots of the partitions whose files were asked for.
  func partitions(of evidence: EvidenceImage) throws -> Set<Int> {
    let chosen = evidence.descriptors.filter { object in
      id.map { object.id == $0.value } ?? (object.dataType == .partition)
    }
    if prefix != nil {
      let withFiles = chosen.filter { EvidenceContents.isSquashfs($0, of: evidence) }
      guard withFiles.count <= 1 else {
        throw ToolFailure.usage(
          "--prefix would give files of \(withFiles.count) partitions the same names: choose one with --id")
      }
    }
    return Set(chosen.map(\.slot))
  }

  /// The files of a partition, and the offset of their file system in the image unless it is encrypted; nil if no files
  /// can be read, of which the user is told.
  ///
  /// - Parameters:
  ///   - budget: pays for the headers of encrypted partitions.
  ///   - leaveOut: called for a partition whose files are not read although nothing is damaged.
  func files(
    of object: Descriptor, _ image: EvidenceImage, _ faults: inout EvidenceFaults,
    _ budget: inout ContentBudget, _ reporter: Reporter, leaveOut: (LeftOutPartition) throws -> Void
  ) throws -> (squash: SquashImage, offset: Int64?)? {
    let contents: EvidenceContents
    do throws(SIFError) {
      contents = EvidenceContents(reading: try image.reader(of: object), &budget)
    } catch {
      faults.note(error, in: object)
      return nil
    }
    switch contents {
    case .squashfs where object.isGocryptfs:
      if let squash = try open(object, image, reporter) { return (squash, nil) }
      try note(
        object, .encrypted, "is encrypted (gocryptfs): without a key its files are not read", reporter,
        leaveOut)
    case .squashfs(let squash): return (squash, object.offset)
    case .unreadable(let error): faults.note(error, in: object)
    case .encrypted(let facts):
      if let squash = try open(object, image, reporter) { return (squash, nil) }
      try note(
        object, .encrypted,
        "is encrypted (LUKS\(facts.version), \(facts.cipher)): without a key its files are not read",
        reporter, leaveOut)
    case .other:
      try note(object, .notSquashfs, "does not hold a squashfs: its files are not read", reporter, leaveOut)
    }
    return nil
  }

  private func note(
    _ object: Descriptor, _ reason: LeftOutPartition.Reason, _ why: String,
    _ reporter: Reporter, _ leaveOut: (LeftOutPartition) throws -> Void
  ) throws {
    let partition = LeftOutPartition(
      object: object.id, reason: reason, message: "object \(object.id) \(why)")
    reporter.note(partition.message)
    try leaveOut(partition)
  }

  /// The squashfs of an encrypted partition; nil if no key is given. This never asks for one.
  private func open(
    _ object: Descriptor, _ evidence: EvidenceImage, _ reporter: Reporter
  ) throws -> SquashImage? {
    var source = key.source
    source.reporter = reporter
    let variables = VolumeKeySource.passphraseVariables
    guard
      source.isNamed || variables.contains(where: { getenv($0) != nil })
        || !VolumeKeySource.pemPathsOfEnvironment.isEmpty
    else { return nil }
    let image = try Image(reading: evidence.storage)
    return try image.unlock(object, with: source).squashfs()
  }

  /// The name of the image.
  var imageName: [UInt8] { name?.bytes ?? image.bytes }

  /// The name of an object (spec/timeline.md, "Hash lists").
  func name(of object: Descriptor) -> [UInt8] { imageName + Array("#\(object.id)".utf8) }

  /// The name of a file in a partition, by its path from the root.
  func name(of path: [UInt8], in object: Descriptor) -> [UInt8] {
    guard let prefix else { return name(of: object) + [0x2F] + path }
    if path.isEmpty || prefix.bytes.isEmpty { return prefix.bytes.isEmpty ? path : prefix.bytes }
    return prefix.bytes + (prefix.bytes.last == 0x2F ? [] : [0x2F]) + path
  }

}

/// An algorithm, by its name in coreutils.
struct DigestName: ExpressibleByArgument {
  let name: String
  let algorithm: HashAlgorithm

  init?(argument: String) {
    guard let found = HashList.algorithms.first(where: { $0.name == argument }) else { return nil }
    (name, algorithm) = found
  }

  private init(_ found: (name: String, algorithm: HashAlgorithm)) { (name, algorithm) = found }

  static let standard = DigestName(HashList.algorithms[0])
  static var allValueStrings: [String] { HashList.algorithms.map(\.name) }
  var defaultValueDescription: String { name }
}
