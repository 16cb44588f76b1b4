import ImageTrust
import LinuxSystem
import Partitions
import SIF
import SystemPackage

/// An image whose files binds show in a container (spec/runtime.md "The root of a container").
public struct BoundImage: Sendable {
  /// What a bind says about the image. Binds with the same name share its mount.
  struct Name: Sendable, Hashable {
    var path: FilePath
    /// The id of the partition; nil for the first data partition of a SIF image.
    var object: UInt32?
  }

  let name: Name
  /// Its file system.
  var layer: ContainerRoot.Layer
}

extension RootRequest {
  /// Opens the images of binds, each once.
  func addBoundImages(to root: inout ContainerRoot) throws {
    var names: Set<BoundImage.Name> = []
    for name in binds.compactMap(\.image) where names.insert(name).inserted {
      try naming(name.path, "the image") {
        root.bound.append(BoundImage(name: name, layer: try layer(of: name)))
      }
    }
  }

  private func layer(of name: BoundImage.Name) throws -> ContainerRoot.Layer {
    guard try !Self.isDirectory(name.path) else {
      throw RuntimeError(
        .invalidArgument, "\(name.path.string) is a directory: image-src= and id= are for images")
    }
    let storage = try FileStorage(opening: name.path)
    if let whole = try Partition(squashfs: storage) {
      try requireNoObject(name)
      try Self.check(storage, .squashfs)
      return .squashfs(try ImageVolume(try whole.unlock()))
    }
    if let ext = try Self.ext(storage) {
      try requireNoObject(name)
      try Self.check(storage, .extfs)
      return .ext(
        try ExtVolume(storage, offset: try Partition.start(in: storage), byteCount: ext, isWritable: false))
    }
    let image: Image
    do { image = try Image(reading: storage) } catch {
      guard error.code == .notSIF else { throw error }
      throw RuntimeError(
        .unsupportedFileSystem,
        "\(name.path.string) is no image to bind: neither a squashfs nor an ext3 file system or a SIF image")
    }
    try Self.check(storage, .sif)
    if let id = name.object { return try layer(of: image, try image.object(id: id), isWritable: false) }
    guard let data = image.objects(ofType: .partition).first(where: { $0.isData }) else {
      throw RuntimeError(
        .invalidArgument, "\(name.path.string) has no data partition: choose a partition with id=")
    }
    return try layer(of: image, data, isWritable: false)
  }

  private func requireNoObject(_ name: BoundImage.Name) throws(RuntimeError) {
    guard name.object == nil else {
      throw RuntimeError(.invalidArgument, "\(name.path.string) is not a SIF image, so it has no ids")
    }
  }
}

extension Descriptor {
  fileprivate var isData: Bool {
    if case .partition(let metadata) = metadata { metadata.type == .data } else { false }
  }
}
