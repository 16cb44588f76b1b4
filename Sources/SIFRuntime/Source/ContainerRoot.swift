public import SystemPackage

/// The file systems that a container's root is made of, open and checked (spec/runtime.md "What can be run").
public struct ContainerRoot: Sendable {
  /// One of the file systems.
  public enum Layer: Sendable {
    /// A squashfs in a file, which the kernel or our own server shows.
    case squashfs(ImageVolume)
    /// A directory of the host.
    case directory(SourceDirectory)
    /// An ext3 file system in a file, which `fuse2fs` serves.
    case ext(ExtVolume)
  }

  /// The part of the root that takes what is written.
  public enum Writes: Sendable {
    /// Nothing can be written.
    case none
    /// A layer in memory, lost at the end.
    case memory
    /// A directory of the host, with `upper` and `work` in it.
    case directory(FilePath)
    /// The directories `upper` and `work` of an ext3 file system.
    case ext(ExtVolume)
    /// The image itself.
    case base

    /// Whether a layer of its own takes what is written.
    var isLayer: Bool {
      switch self {
      case .none, .base: false
      case .memory, .directory, .ext: true
      }
    }
  }

  /// The image.
  public var base: Layer
  /// What lies over the image, the lowest first; read-only.
  public var layers: [Layer] = []
  /// The images whose files binds show. They are no part of the root.
  public internal(set) var bound: [BoundImage] = []
  /// What takes the writes.
  public var writes = Writes.none

  /// Whether the root has to be a file system of its own, whose end can be noticed.
  var needsOwnRoot = false

  /// A root that is one file system, read-only.
  public init(_ base: Layer) { self.base = base }

  /// All that has to be mounted: the image, the layers over it, the file system that takes the writes, and the images
  /// whose files are bound.
  var all: [Layer] {
    var all = [base] + layers
    if case .ext(let volume) = writes { all.append(.ext(volume)) }
    return all + bound.map(\.layer)
  }

  /// The volumes of ext3 among them.
  var extVolumes: [ExtVolume] {
    all.compactMap { if case .ext(let volume) = $0 { volume } else { nil } }
  }
}

extension ContainerRoot.Layer {
  /// The volume of a squashfs.
  public var volume: ImageVolume? { if case .squashfs(let volume) = self { volume } else { nil } }
}
