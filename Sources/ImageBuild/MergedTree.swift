import Bytes
import Glibc
import LinuxSystem
public import OCI
public import Squash
import SystemPackage

extension OCIImage {
  /// The tree that the image's layers make, as a squashfs in a file without a name, in the directory for temporary files. Its
  /// content is not compressed.
  ///
  /// - Throws: the errors of the layers; `SystemError` if there is no room for the file.
  public func mergedTree() throws -> SquashImage {
    try SquashImage.temporary { try $0.add(layersOf: self) }
  }
}

extension SquashImage {
  /// A squashfs in a file without a name, in the directory for temporary files. Its content is not compressed.
  static func temporary(_ fill: (SquashWriter) throws -> Void) throws -> SquashImage {
    // Without commit(), the file never gets a name.
    let file = try ReplacementFile(
      replacing: TemporaryFiles.directory.appending("sif-tree"), mode: 0o600)
    let storage = RandomAccessFile(adopting: try file.duplicateDescriptor())
    var options = WriterOptions()
    options.compression = .lz4
    options.storesContent = true
    options.threads = 1
    let writer = try SquashWriter(storage, options)
    try fill(writer)
    _ = try writer.finish()
    return try SquashImage(storage)
  }
}

/// Files that nobody needs later.
enum TemporaryFiles {
  /// Where they are: the directory in TMPDIR, or `/tmp`.
  static var directory: FilePath {
    let parent = getenv("TMPDIR").map { FilePath(platformString: $0) } ?? ""
    return parent.isAbsolute ? parent : "/tmp"
  }
}

extension SquashWriter {
  /// Adds the layers of an image, which are read, checked and decompressed ahead by threads.
  func add(layersOf image: OCIImage) throws {
    let feeds = try LayerFeeds(of: image)
    defer { feeds.close() }
    do {
      try add(layers: feeds.count) { layer throws(SquashError) in feeds.open(layer) }
    } catch { throw feeds.failure ?? error }
  }
}
