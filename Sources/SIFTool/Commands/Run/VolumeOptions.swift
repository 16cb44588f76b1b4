import ArgumentParser
import Bytes
import CommandKit
import ImageTrust
import Partitions
import SIF
import SIFRuntime
import Squash

/// The partition to mount, its key, and the checks that come first.
struct VolumeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The partition's id (default: the primary partition).", valueName: "id")) var id:
    ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var volumeKey: VolumeKeyOptions
  @Flag(
    help: ArgumentHelp(
      "Verify the signatures first, on the same open file; takes the options of `verify`."))
  var verify = false
  @OptionGroup(title: "Verification") var policy: VerificationOptions

  /// The names of these options, except those that need `--verify`.
  static let names = ["id", "verify"] + VolumeKeyOptions.names

  func validate() throws {
    guard !verify, let option = policy.firstGiven else { return }
    throw ValidationError("\(option) needs --verify")
  }

  /// Opens the image once, applies the machine's execution policy, verifies the signatures if that was asked for, and
  /// opens the partition's file system.
  func open(_ image: PathArgument) throws -> ImageVolume {
    // Also if nothing had to be opened with them: the program must not get them.
    defer {
      volumeKey.closeDescriptors()
      SecretInput.forgetVolumeKeys()
    }
    try image.requireFile()
    let storage = try FileStorage(opening: image.path)
    guard let whole = try Partition(squashfs: storage) else {
      return try image.namingImage { try open(image, storage) }
    }
    guard id == nil, !verify else {
      throw ToolFailure.usage("a plain squashfs file has neither ids nor signatures")
    }
    try ExecutionCheck.require(storage)
    return try image.named { try ImageVolume(try whole.unlock()) }
  }

  private func open(_ image: PathArgument, _ storage: FileStorage) throws -> ImageVolume {
    let partition = try image.partitionOfImage(id, in: storage)
    if let sif = partition.image, let object = partition.object {
      try ExecutionCheck.require(storage, (sif, object))
      if verify {
        try FileWriters.refuse(storage)
        try policy.verification.read().require(on: sif, covering: object.id)
      }
    }
    try image.named { try partition.requireSquashfs() }
    for overlay in partition.overlays {
      Reporter().note(
        "object \(overlay.id) of \(image.path.string) is an overlay partition, which the runtimes lay over the image: it is "
          + "not mounted, and its files are missing")
    }
    let opened = try partition.unlock(with: volumeKey.source)
    return try image.named { try ImageVolume(opened) }
  }
}
