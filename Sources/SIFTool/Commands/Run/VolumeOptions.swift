import ArgumentParser
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
    guard try storage.read(4, at: 0) != Array("hsqs".utf8) else {
      guard id == nil, !verify else {
        throw ToolFailure.usage("a plain squashfs file has neither ids nor signatures")
      }
      try ExecutionCheck.require(storage)
      let size = try storage.byteCount()
      return try image.named {
        try ImageVolume(
          storage, offset: 0, byteCount: size, PartitionReader(storage, offset: 0, byteCount: size))
      }
    }
    do {
      let sif = try Image(reading: storage)
      let object = try image.named { try PartitionChoice.choose(from: sif, id) }
      try ExecutionCheck.require(storage, (sif, object))
      if verify {
        try FileWriters.refuse(storage)
        try policy.verification.read().require(on: sif, covering: object.id)
      }
      let bytes = try sif.bytes(of: object)
      guard object.isEncryptedSquashfs else {
        return try image.named {
          try PartitionChoice.requireSquashfs(object, in: sif)
          return try ImageVolume(
            storage, offset: bytes.offset, byteCount: bytes.byteCount,
            PartitionReader(storage, offset: bytes.offset, byteCount: bytes.byteCount))
        }
      }
      let source = volumeKey.source
      let partition = try EncryptedPartition(object, in: sif, allowsAnyCipher: source.allowsAnyCipher)
      let opened = try partition.open(with: source, in: sif)
      return try image.named {
        try ImageVolume(
          storage, offset: bytes.offset, byteCount: bytes.byteCount,
          DecryptingReader(reader: try opened.reader()),
          encryption: VolumeEncryption(header: partition.header, key: opened.unlocked.key))
      }
    } catch let error as SIFError {
      throw error.naming(image.path)
    }
  }
}
