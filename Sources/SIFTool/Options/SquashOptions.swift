import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageBuild
import OCI
import Partitions
import SIF
import Squash
import SystemPackage

/// The file system that a command reads.
struct SquashOptions: ParsableArguments {
  @Argument(help: "The image, a plain squashfs file, or oci:, oci-archive: or docker-archive: and a path.")
  var image: PathArgument
  @Option(help: ArgumentHelp("The partition's id (default: the primary partition).", valueName: "id")) var id:
    ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions

  /// Opens the squashfs.
  func open(_ reporter: Reporter = Reporter()) throws -> SquashImage {
    var source = key.source
    source.reporter = reporter
    return try Self.open(image, id, source, remote)
  }

  /// Opens the squashfs of the partition with an id, or of the primary partition.
  static func open(
    _ image: PathArgument, _ id: ObjectID?, _ key: VolumeKeySource = VolumeKeySource(),
    _ remote: RemoteImageOptions? = nil
  ) throws -> SquashImage {
    if let location = try OCILocation(image.bytes) {
      guard id == nil else { throw ToolFailure.usage("--id does not apply to images of OCI and Docker") }
      return try OCIStore(location).image().mergedTree()
    }
    if image.address == nil { try image.requireFile() }
    let storage = try remote?.storage(image) ?? image.readableStorage()
    if id == nil, let blobs = try image.blobs(in: storage) { return try blobs.squashfs() }
    let partition = try image.partition(id, in: storage)
    try image.named { try partition.requireSquashfs() }
    let opened = try image.namingImage { try partition.unlock(with: key) }
    return try image.named { try opened.squashfs() }
  }
}

extension PathArgument {
  /// The blobs of an image that is an OCI-SIF; nil for any other file.
  func blobs(in storage: any Storage) throws -> OCISIF? {
    guard let image = try? Image(reading: storage) else { return nil }
    return try OCISIF(image)
  }

  /// The partition that a command works on, in this open file: the one with the id, or else the primary or the only
  /// one. A file that is itself a squashfs is one partition.
  func partition(_ id: ObjectID?, in storage: any Storage) throws -> Partition {
    if let whole = try Partition(squashfs: storage) {
      guard id == nil else { throw ToolFailure.usage("--id does not apply to a plain squashfs file") }
      return whole
    }
    return try partitionOfImage(id, in: storage)
  }

  /// The same for a file that is not itself a squashfs.
  func partitionOfImage(_ id: ObjectID?, in storage: any Storage) throws -> Partition {
    let image: Image
    do { image = try Image(reading: storage) } catch {
      guard error.code == .notSIF else { throw error.naming(path) }
      do { try Partition.refuseBare(storage) } catch let fault as PartitionError {
        throw ToolFailure(.failure, code: fault.identifier, "\(path.printable) \(fault)")
      }
      throw error.naming(path)
    }
    return try named { try Partition(of: image, id: id?.value) }
  }

  /// Runs a body, and adds this file's name to failures to read the image. Other failures are clear without it.
  func namingImage<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as SIFError { throw error.naming(path) }
  }
}

extension ToolFailure {
  /// The failure of a command that refused faulty entries and did everything else; nil without faults.
  static func faults(_ faults: [SquashError], count: Int, _ reporter: Reporter) -> ToolFailure? {
    guard let first = faults.first else { return nil }
    for fault in faults { reporter.note("refused: \(fault)") }
    return ToolFailure(
      .malformed, code: first.code.rawValue,
      "\(count) \(count == 1 ? "entry was" : "entries were") refused; everything else was done")
  }

  /// The failure of a command that found nothing for some patterns; nil if each matches something.
  static func unmatched(_ patterns: [[UInt8]], isEmpty: Bool) -> ToolFailure? {
    guard !patterns.isEmpty else { return nil }
    let names = patterns.map(\.printable).joined(separator: ", ")
    return ToolFailure(
      .failure, code: "not-found",
      "nothing in the image matches \(names)" + (isEmpty ? "" : "; everything else was done"))
  }
}

extension SquashImage {
  /// The selection of paths and patterns. Each is first looked up as a path, so that an existing path is never taken
  /// for a pattern, and a path that does not exist is an error.
  func selection(_ paths: [InnerPathArgument]) throws -> PathSelection {
    guard !paths.isEmpty else { return .all }
    let reader = try SquashReader(self)
    return PathSelection(
      patterns: try paths.map { path in
        do throws(SquashError) {
          return PathSelection.literal(try reader.lookup(path.bytes).path)
        } catch {
          guard PathSelection.isPattern(path.bytes), error.code == .notFound || error.code == .notDirectory
          else { throw error }
          return path.bytes
        }
      })
  }
}
