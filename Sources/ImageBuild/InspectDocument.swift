import Bytes
import Glibc
import LinuxSystem
import Partitions
import SIF
import Squash
public import StrictJSON
public import SystemPackage

/// What `inspect` shows of an image: labels, scripts, variables and apps (spec/build.md "The objects").
public struct InspectDocument {
  /// The attributes in the order of the runtimes. Those that an image lacks are missing.
  public let attributes: [JSONMember]

  /// The document of some attributes, each on a line, as the runtimes print it; without a line end after it.
  public static func text(of attributes: [JSONMember]) -> [UInt8] {
    RuntimeJSON.indented(InspectText.value(of: attributes))
  }

  /// Reads a SIF image, a squashfs or a directory. Nothing of the image runs.
  ///
  /// Of a SIF image, the object `inspect-metadata.json` counts, and its files if it has none.
  public init(of path: FilePath) throws {
    var status = stat()
    try SystemError.check("open", path) { path.withPlatformString { stat($0, &status) } }
    if status.st_mode & S_IFMT == S_IFDIR {
      attributes = try InspectMetadata(TreeFiles(BuildTree(path: path))).attributes()
      return
    }
    let storage = try FileStorage(opening: path)
    if let plain = try Partition(squashfs: storage) {
      attributes = try Self.attributes(in: plain)
      return
    }
    let image: Image
    do { image = try Image(reading: storage) } catch { throw error.naming(path) }
    if let found = try Self.attributes(of: image, path) {
      attributes = found
    } else {
      attributes = try Self.attributes(in: try Partition(of: image))
    }
  }

  /// The attributes in the object that holds them; nil without one.
  private static func attributes(of image: Image, _ path: FilePath) throws -> [JSONMember]? {
    guard
      let object = image.descriptors.first(where: {
        $0.dataType == .genericJSON && $0.name == Array("inspect-metadata.json".utf8)
      }), object.size <= RuntimeParts.longest
    else { return nil }
    let text = try image.bytes(of: object).prefix(Int(object.size))
    guard let members = try JSONParser.parse(text)["data"]?["attributes"]?.members else {
      throw ImageBuildError(
        .invalidArgument, "\(path.printable): the object inspect-metadata.json has no attributes")
    }
    return members
  }

  private static func attributes(in partition: Partition) throws -> [JSONMember] {
    try partition.requireSquashfs()
    return try InspectMetadata(SquashTexts(try SquashReader(try partition.unlock().squashfs()))).attributes()
  }
}

/// Files that ``InspectMetadata`` reads.
protocol InspectedFiles {
  /// The names in a directory, sorted by their bytes; none if there is no such directory.
  func names(in path: String) throws -> [[UInt8]]
  /// The bytes of a regular file, through links; nil if there is none.
  func read(_ path: String) throws -> [UInt8]?
  /// Whether a path leads to a directory.
  func isDirectory(_ path: String) throws -> Bool
}

extension TreeFiles: InspectedFiles {}

/// Those of a squashfs.
private struct SquashTexts: InspectedFiles {
  private let reader: SquashReader

  init(_ reader: SquashReader) { self.reader = reader }

  private func entry(_ path: String) throws(SquashError) -> Entry? {
    do { return try reader.lookup(Array(path.utf8), followLast: true) } catch {
      guard error.code == .notFound || error.code == .notDirectory else { throw error }
      return nil
    }
  }

  func names(in path: String) throws -> [[UInt8]] {
    guard let entry = try entry(path), var listing = DirectoryListing(entry.inode) else { return [] }
    var names: [[UInt8]] = []
    while let listed = try listing.next(reader) { names.append(listed.name) }
    return names.sorted { $0.lexicographicallyPrecedes($1) }
  }

  func read(_ path: String) throws -> [UInt8]? {
    guard let layout = try entry(path)?.inode.layout else { return nil }
    guard layout.size <= RuntimeParts.longest else {
      throw ImageBuildError(.limitExceeded, "\(path.printable) in the image is longer than 16 MiB")
    }
    return try reader.prefix(of: layout, Int(layout.size))
  }

  func isDirectory(_ path: String) throws -> Bool { try entry(path)?.inode.type == .directory }
}
