import Bytes
import StrictJSON

/// The images in a directory or in an archive.
public struct OCIStore: Sendable {
  /// Where the blobs are.
  public let source: any OCIBlobSource
  /// The images and indexes, with the names that they have there.
  public let entries: [OCIDescriptor]
  /// Whether a digest may name a blob that is no entry.
  private let hasFurtherBlobs: Bool
  private let location: OCILocation

  /// Opens the images at a location.
  ///
  /// - Throws: ``OCIError/Code/notImage`` for files of another form, and the errors of the documents and of the system.
  public init(_ location: OCILocation) throws {
    self.location = location
    switch location.form {
    case .layout, .layoutArchive:
      let files: any ImageFiles =
        location.form == .layout ? DirectoryFiles(path: location.path) : try ArchiveFiles(location.path)
      guard let layout = try LayoutSource(files) else {
        throw OCIError(
          .notImage, "\(location.path.string.printable) is not an image layout: it has no file oci-layout")
      }
      (source, entries, hasFurtherBlobs) = (layout, layout.index.manifests, true)
    case .dockerArchive:
      let files = try ArchiveFiles(location.path)
      if let layout = try LayoutSource(files) {
        (source, entries, hasFurtherBlobs) = (layout, layout.index.manifests, true)
      } else {
        let archive = try DockerArchiveSource(files, location)
        (source, entries, hasFurtherBlobs) = (archive, archive.entries, false)
      }
    case .directory:
      let directory = try DirectorySource(location)
      (source, entries, hasFurtherBlobs) = (directory, [directory.entry], false)
    }
  }

  /// Chooses the image that the location names.
  ///
  /// - Parameter platform: the platform, for indexes; nil for this machine's.
  public func image(platform: OCIPlatform? = nil) throws -> OCIImage {
    try OCIImage(try entry(platform), from: source, platform: platform)
  }

  /// The manifest or index that the location names.
  public func entry(_ platform: OCIPlatform? = nil) throws -> OCIDescriptor {
    if let digest = location.digest {
      if let entry = entries.first(where: { $0.digest == digest }) { return entry }
      guard hasFurtherBlobs, let size = try (source as? LayoutSource)?.size(of: digest) else {
        throw OCIError(.notFound, "\(location.path.string.printable) has no image \(digest)")
      }
      return OCIDescriptor(mediaType: "", digest: digest, size: size)
    }
    let named =
      location.reference.map { reference in entries.filter { Self.names(of: $0).contains(reference) } }
      ?? entries
    let wanted = named.isEmpty ? location.reference.map(matching) ?? [] : named
    guard let first = wanted.first else {
      throw OCIError(
        .notFound,
        "\(location.path.string.printable) has no image"
          + (location.reference.map { " \($0.printable)" } ?? "")
          + known)
    }
    if wanted.allSatisfy({ $0.digest == first.digest }) { return first }
    // Images of one name for several platforms are like an index.
    let ranked = wanted.enumerated().compactMap { index, entry in
      entry.platform?.rank(for: platform ?? .host).map { (rank: $0, index: index, entry: entry) }
    }
    let best = ranked.min { ($0.rank, $0.index) < ($1.rank, $1.index) }
    if let best, location.reference != nil || Set(wanted.map(\.referenceName)).count == 1 {
      return best.entry
    }
    throw OCIError(
      .ambiguous, "\(location.path.string.printable) has \(entries.count) images: name one of them" + known)
  }

  /// The entries whose names are the reference when both are written in full.
  private func matching(_ reference: String) -> [OCIDescriptor] {
    guard let wanted = try? OCIReference(reference) else { return [] }
    return entries.filter { entry in
      Self.names(of: entry).contains { name in
        guard let own = try? OCIReference(name) else { return false }
        return (own.host, own.repository, own.selector) == (wanted.host, wanted.repository, wanted.selector)
      }
    }
  }

  /// The names of an entry.
  static func names(of entry: OCIDescriptor) -> [String] {
    ["org.opencontainers.image.ref.name", "io.containerd.image.name"].compactMap { entry.annotations[$0] }
  }

  private var known: String {
    let names = entries.compactMap { Self.names(of: $0).first }
    guard !names.isEmpty else { return "" }
    return
      "; it has \(names.prefix(20).map(\.printable).joined(separator: ", "))\(names.count > 20 ? " and more" : "")"
  }
}

/// An image layout of OCI.
struct LayoutSource: OCIBlobSource {
  private let files: any ImageFiles
  let index: OCIIndex

  /// Opens a layout; nil if the files are none.
  init?(_ files: any ImageFiles) throws {
    guard let text = try files.document("oci-layout") else { return nil }
    let reader = try DocumentReader(text, "the file oci-layout")
    guard let version = try reader.text("imageLayoutVersion"), version.hasPrefix("1.") else {
      throw reader.malformed("its imageLayoutVersion is not 1.0.0")
    }
    guard let text = try files.document("index.json") else {
      throw OCIError(.notImage, "the image layout has no file index.json")
    }
    index = try OCIIndex(reading: text)
    self.files = files
  }

  private static func name(of digest: OCIDigest) -> String {
    "blobs/\(digest.algorithm.name)/\(digest.hexadecimal)"
  }

  func size(of digest: OCIDigest) throws -> Int64? { try files.open(Self.name(of: digest))?.size }

  func open(_ descriptor: OCIDescriptor) throws -> any ByteStream {
    guard let (stream, size) = try files.open(Self.name(of: descriptor.digest)) else {
      throw OCIError(.notFound, "the blob \(descriptor.digest) does not exist in the layout")
    }
    try descriptor.check(size: size)
    return stream
  }
}

/// The files of one image, as skopeo writes them.
struct DirectorySource: OCIBlobSource {
  private let files: DirectoryFiles
  let entry: OCIDescriptor

  init(_ location: OCILocation) throws {
    files = DirectoryFiles(path: location.path)
    guard let version = try files.document("version"),
      version.starts(with: Array("Directory Transport Version: 1.".utf8)),
      let text = try files.document("manifest.json")
    else {
      throw OCIError(
        .notImage, "\(location.path.string.printable) has no image: no files version and manifest.json")
    }
    let reader = try DocumentReader(text, "the manifest")
    entry = try OCIDescriptor(mediaType: try reader.text("mediaType") ?? "", of: text)
  }

  func open(_ descriptor: OCIDescriptor) throws -> any ByteStream {
    let digits = descriptor.digest.hexadecimal
    let name = descriptor.digest == entry.digest ? "manifest.json" : digits
    guard let (stream, size) = try files.open(name) ?? files.open("\(digits).manifest.json") else {
      throw OCIError(.notFound, "the blob \(descriptor.digest) does not exist in the directory")
    }
    try descriptor.check(size: size)
    return stream
  }
}

extension OCIDescriptor {
  /// Refuses a file of another size before it is read.
  func check(size: Int64) throws(OCIError) {
    guard size == self.size else {
      throw OCIError(.wrongSize, "the blob \(digest) has \(size) bytes, where \(self.size) are stated")
    }
  }
}
