/// The media types of OCI and of Docker, and those that hold a SIF (spec/oci.md "Media types").
public enum OCIMediaType {
  /// An index of OCI.
  public static let index = "application/vnd.oci.image.index.v1+json"
  /// An index of Docker.
  public static let dockerIndex = "application/vnd.docker.distribution.manifest.list.v2+json"
  /// A manifest of OCI.
  public static let manifest = "application/vnd.oci.image.manifest.v1+json"
  /// A manifest of Docker.
  public static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
  /// A configuration of OCI.
  public static let config = "application/vnd.oci.image.config.v1+json"
  /// A configuration of Docker.
  public static let dockerConfig = "application/vnd.docker.container.image.v1+json"
  /// The configuration of an artifact that has none.
  public static let emptyConfig = "application/vnd.oci.empty.v1+json"
  /// A layer: a tar archive.
  public static let layer = "application/vnd.oci.image.layer.v1.tar"
  /// A layer: a tar archive, compressed with gzip.
  public static let gzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip"
  /// A layer: a tar archive, compressed with zstd.
  public static let zstdLayer = "application/vnd.oci.image.layer.v1.tar+zstd"
  /// A layer of Docker: a tar archive.
  public static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar"
  /// A layer of Docker: a tar archive, compressed with gzip.
  public static let dockerGzipLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
  /// A layer of an OCI-SIF: a squashfs.
  public static let squashfsLayer = "application/vnd.sylabs.image.layer.v1.squashfs"
  /// The writable layer of an OCI-SIF: an ext3 file system.
  public static let ext3Layer = "application/vnd.sylabs.image.layer.v1.ext3"
  /// The configuration of an artifact that is a SIF.
  public static let sifConfig = "application/vnd.sylabs.sif.config.v1+json"
  /// The layer of an artifact that is a SIF.
  public static let sifLayer = "application/vnd.sylabs.sif.layer.v1.sif"
  /// The first spelling of ``sifLayer``.
  public static let oldSIFLayer = "appliciation/vnd.sylabs.sif.layer.tar"

  /// The types to ask a registry for when it shall answer with any index or manifest.
  public static let documents = [index, dockerIndex, manifest, dockerManifest]

  /// Whether the type is that of an index.
  public static func isIndex(_ type: String) -> Bool { type == index || type == dockerIndex }

  /// Whether the type is that of a manifest.
  public static func isManifest(_ type: String) -> Bool { type == manifest || type == dockerManifest }

  /// Whether the type is that of a manifest of schema 1, which nobody writes any more.
  public static func isSchema1(_ type: String) -> Bool {
    type.hasPrefix("application/vnd.docker.distribution.manifest.v1")
  }

  /// Whether the type is that of a layer which is a tar archive, compressed or not. What its bytes are compressed with, they
  /// tell themselves: types are often wrong about it.
  public static func isArchive(_ type: String) -> Bool {
    let prefixes = [
      "application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.nondistributable.v1.tar",
      "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.foreign.diff.tar",
    ]
    return prefixes.contains { prefix in
      type.hasPrefix(prefix)
        && ["", "+gzip", "+zstd", ".gzip", ".zstd"].contains(String(type.dropFirst(prefix.count)))
    }
  }
}
