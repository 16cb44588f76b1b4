import LinuxSystem
import ArgumentParser
import CommandKit
import Glibc
import LUKS
import SIF
import StrictJSON

struct EncryptCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "encrypt", abstract: "Encrypt an image's squashfs into a new image.",
    discussion: """
      The squashfs becomes a LUKS2 volume, as the container runtimes mount it; no privilege is needed. Other \
      objects, groups and links stay; signatures that no longer hold are dropped.

      With --pem-path (repeatable) the key is random, and stored in the image for each of the public RSA keys. \
      Runtimes look at the first.

      siftool encrypt plain.sif secret.sif --pem-path pub.pem
      siftool encrypt plain.sif secret.sif --passphrase-file phrase --sign-key key.asc
      """)

  @Argument(help: "The image.") var input: PathArgument
  @Argument(help: "The new image.") var output: PathArgument
  @Option(help: ArgumentHelp("The partition; otherwise the primary one.", valueName: "id")) var id: ObjectID?
  @OptionGroup(title: "Passphrase") var passphrase: PassphraseOptions
  @Option(
    help: ArgumentHelp("A public RSA key of 2048 to 8192 bits, in PEM (repeatable).", valueName: "file"))
  var pemPath: [PathArgument] = []
  @OptionGroup(title: "The new volume") var shape: VolumeShapeOptions
  @OptionGroup(title: "Signing") var signing: SignAfterOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var json: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { json.json }

  func execute(_ reporter: Reporter) throws {
    let options = try shape.options()
    let clock = try write.clock()
    let image = try Image(opening: input.path)
    let partition = try PartitionChoice.choose(from: image, id)
    guard !partition.isEncryptedSquashfs else {
      throw ToolFailure(
        .failure, code: "already-encrypted", "partition \(partition.id) is encrypted already")
    }
    do {
      try PartitionChoice.requireSquashfs(partition, in: image)
      try requireSquashfsBytes(partition, in: image)
    } catch let error as SIFError { throw error.naming(input.path) }
    var source = NewVolumeKeySource()
    source.passphrase.descriptor = passphrase.passphraseFd
    source.passphrase.file = passphrase.passphraseFile
    source.pemPaths = pemPath
    let key = try source.read()

    let rewrite = try PartitionRewrite(of: image, partition, to: .encryptedSquashfs, dropping: [])
    let bytes = try image.bytes(of: partition)
    let payload = PartitionVolume(storage: bytes.storage, offset: bytes.offset, byteCount: bytes.byteCount)
    let volume = try key.makeVolume(options, payloadByteCount: payload.byteCount)
    var messages: [Descriptor] = []
    var signatures: [Descriptor] = []
    try rewrite.write(to: output.path, like: input.path, clock: clock, reporter) { place in
      let sector = Int64(options.sectorSize)
      let byteCount = options.dataOffset + (payload.byteCount + sector - 1) / sector * sector
      let target = PartitionVolume(storage: place.storage, offset: place.offset, byteCount: byteCount)
      try volume.writeHeader(to: target)
      try volume.encryptAll(payload, to: target, threads: Workers.processors(limit: 256))
      return byteCount
    } then: { editor, partition in
      messages = try key.addMessages(to: &editor, for: partition)
      signatures = try signing.sign(&editor, reporter)
    }
    guard json.json else { return }
    try Console.write(document: [
      JSONMember("partition", .integer(Int64(partition.id))),
      JSONMember("encryption", VolumeFields.json(of: partition.id, volume.header.facts)),
      JSONMember("messages", PartitionRewrite.ids(messages)),
      JSONMember("droppedSignatures", PartitionRewrite.ids(rewrite.signatures)),
      JSONMember("signatures", PartitionRewrite.ids(signatures)),
    ])
  }

  private func requireSquashfsBytes(_ partition: Descriptor, in image: Image) throws {
    let bytes = try image.bytes(of: partition)
    let head = try bytes.prefix(SquashfsExtent.headByteCount)
    guard head.starts(with: SquashfsExtent.magic) else {
      throw ToolFailure(
        .malformed, code: "not-squashfs",
        "partition \(partition.id) holds no squashfs, whatever its type says")
    }
    try SquashfsExtent.check(head, present: bytes.byteCount)
  }
}
