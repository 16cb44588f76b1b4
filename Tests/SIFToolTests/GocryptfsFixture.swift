import TestSupport

/// A plain image, and ways to make one that gocryptfs encrypts.
final class GocryptfsFixture: Sendable {
  let directory: Scratch

  init() throws {
    directory = try Scratch()
    try Shell.check(
      """
      umask 022; chmod 755 .; mkdir -p rootfs/etc mnt; echo hello > rootfs/etc/file; head -c 1500000 /dev/urandom > rootfs/noise
      echo 'Bootstrap: scratch' > definition; printf 'secret\\n' > phrase; printf 'wrong\\n' > wrong
      SOURCE_DATE_EPOCH=1600000000 siftool pack rootfs plain.sif --plain --arch amd64 --deffile definition --quiet
      siftool dump 2 plain.sif > plain.squashfs
      """, in: directory)
  }

  /// Encrypts the plain image.
  func encrypt(_ name: String, key: String = "--passphrase-file phrase") throws {
    try Shell.check(
      "SOURCE_DATE_EPOCH=1600000000 siftool encrypt plain.sif \(name) --format gocryptfs \(key)",
      in: directory)
  }

  /// Runs a script as root, in a mount namespace with a /dev/fuse that everybody may open.
  func withFuse(_ script: String) throws -> ToolAnswer {
    let node = "\(directory.path)/fuse-device"
    return try Shell.run(
      "[ -e \(node) ] || mknod -m 666 \(node) c 10 229; export PATH; exec unshare -m sh -c 'mount --bind \(node) /dev/fuse; '\"$script\"",
      environment: ["script": script], in: directory)
  }

  /// Makes an image as Apptainer does, with gocryptfs and mksquashfs.
  func make(_ name: String, _ options: String = "-plaintextnames") throws {
    let answer = try withFuse(
      """
      set -e; rm -rf cipher; mkdir cipher; gocryptfs -q -init -scryptn 10 \(options) -passfile phrase cipher
      gocryptfs -q -passfile phrase cipher mnt; cp plain.squashfs mnt/squashfs-1234; umount mnt
      """)
    guard answer.status == 0 else { throw EncryptionFailure(description: answer.errors) }
    try pack("cipher", name)
  }

  /// Makes an image whose partition is a squashfs of a directory.
  func pack(_ tree: String, _ name: String, _ options: String = "-all-root") throws {
    try Shell.check(
      """
      rm -f outer.squashfs; mksquashfs \(tree) outer.squashfs -noappend -quiet -no-progress \(options) > /dev/null
      SOURCE_DATE_EPOCH=1600000000 siftool new \(name); siftool add \(name) definition --datatype definition-file
      siftool add \(name) outer.squashfs --datatype partition --partfs gocryptfs-squashfs --parttype primary-system --partarch amd64
      """, in: directory)
  }
}
