/// The ways to encrypt the squashfs of a partition.
public enum EncryptionFormat: String, CaseIterable, Sendable {
  /// A LUKS2 volume, which the runtimes mount with privilege.
  case luks
  /// A squashfs with one file that gocryptfs encrypts, which Apptainer mounts without privilege.
  case gocryptfs
}
