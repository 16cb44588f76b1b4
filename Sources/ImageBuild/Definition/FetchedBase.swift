public import OCI
public import SystemPackage

/// What a stage begins with, once it is on this machine.
public enum FetchedBase {
  /// An image of OCI or Docker, whose layers are read from where they are, and the digest by which it was found, if it was
  /// found by a name.
  case container(OCIImage, digest: String?)
  /// An image in a file: SIF or squashfs.
  case image(FilePath)
}
