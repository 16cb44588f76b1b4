import Partitions
import ArgumentParser
import Bytes
import CommandKit
import ImageTrust
import SIF
import SIFRuntime
import Squash

/// Which partition is mounted, what opens it, and what has to be true of it before.
struct VolumeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The partition; otherwise the primary one.", valueName: "id")) var id: ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var volumeKey: VolumeKeyOptions
  @Flag(
    help: ArgumentHelp(
      "Verify the signatures first, on the same open file, with the options of `verify`."))
  var verify = false
  @OptionGroup(title: "Verification") var policy: VerificationOptions

  func validate() throws {
    guard !verify, let option = policy.firstGiven else { return }
    throw ValidationError("\(option) is about verification, which nothing asks for: give --verify as well")
  }

  /// Opens an image once, asks the machine's policy, verifies it where that is asked for, and looks at the partition's
  /// file system.
  func open(_ image: PathArgument) throws -> ImageVolume {
    // Also where there was nothing to open with them.
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
    let partition = try image.partition(id, in: storage)
    if let sif = partition.image, let object = partition.object {
      try ExecutionCheck.require(storage, (sif, object))
      if verify {
        try FileWriters.refuse(storage)
        try policy.verification.read().require(on: sif, covering: object.id)
      }
    }
    if !partition.isEncrypted { try image.named { try partition.requireSquashfs() } }
    let opened = try partition.unlock(with: volumeKey.source)
    return try image.named { try ImageVolume(opened) }
  }
}
