import Bytes
public import Definition
import Glibc
import LinuxSystem
import SIF
import SystemPackage

/// What a build begins with.
public enum BuildSource {
  /// A definition file, with its bytes.
  case definition(DefinitionFile)
  /// An image, for which the definition is made here.
  case image(DefinitionFile)

  /// The definition.
  public var file: DefinitionFile {
    switch self {
    case .definition(let file), .image(let file): file
    }
  }

  /// The schemes of addresses, each with the agent that fetches from there.
  private static let schemes = [
    "docker", "docker-archive", "docker-daemon", "oci", "oci-archive", "oras", "library",
  ]

  /// Finds out what an argument means: an address, an image, a directory, or else a definition file.
  ///
  /// - Throws: ``ImageBuildError`` for a scheme that images are not built from.
  public init(_ argument: [UInt8]) throws {
    if let colon = argument.firstIndex(of: 0x3A) {
      let scheme = String(decoding: argument[..<colon], as: UTF8.self).lowercased()
      var rest = argument[(colon + 1)...]
      if rest.starts(with: [0x2F, 0x2F]) { rest = rest.dropFirst(2) }
      if Self.schemes.contains(scheme) {
        self = .image(DefinitionFile(agent: scheme, from: Array(rest)))
        return
      }
      if let reason = Self.refused[scheme] {
        throw ImageBuildError(.invalidArgument, "\(scheme)://: \(reason)")
      }
    }
    let path = FilePath(bytes: argument)
    if try Self.isImage(path) {
      self = .image(DefinitionFile(agent: "localimage", from: argument))
      return
    }
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY)
    self = .definition(DefinitionFile(reading: try file.readToEnd(limit: DefinitionFile.maximumBytes + 1)))
  }

  private static let refused = [
    "shub": "Singularity Hub is closed: use library:// or docker://",
    "http": "fetch the image with `siftool pull` first", "https": "fetch the image with `siftool pull` first",
    "buildkit": "build the Dockerfile with buildah or docker, and use docker-archive: or oci-archive:",
    "dockerfile": "build it with buildah or docker, and use docker-archive: or oci-archive:",
  ]

  /// Whether a path is a directory or a file that begins as an image does.
  private static func isImage(_ path: FilePath) throws -> Bool {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    let status = try file.status()
    if status.st_mode & S_IFMT == S_IFDIR { return true }
    guard status.st_mode & S_IFMT == S_IFREG else { return false }
    let storage = try FileStorage(opening: path)
    let start = try storage.read(2048, at: 0)
    return start.starts(with: ContentMagic.squashfs)
      || start.dropFirst(32).starts(with: Array("SIF_MAGIC".utf8))
      || start.dropFirst(ContentMagic.extOffset).starts(with: ContentMagic.ext)
      || LaunchLine.byteCount(of: start) > 0
  }
}
