import LinuxSystem
import ArgumentParser
import CommandKit
import LUKS
import SIF
import StrictJSON

struct DecryptCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "decrypt", abstract: "Decrypt an image's squashfs into a new image.",
    discussion: """
      The new image holds the very bytes that were encrypted. Messages with the key, and signatures that no \
      longer hold, are dropped; everything else stays.

      siftool decrypt secret.sif plain.sif --pem-path private.pem
      """)

  @Argument(help: "The image.") var input: PathArgument
  @Argument(help: "The new image.") var output: PathArgument
  @Option(help: ArgumentHelp("The partition; otherwise the primary one.", valueName: "id")) var id: ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @OptionGroup(title: "Signing") var signing: SignAfterOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var json: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { json.json }

  func execute(_ reporter: Reporter) throws {
    let clock = try write.clock()
    let image = try Image(opening: input.path)
    let partition = try PartitionChoice.choose(from: image, id)
    guard partition.isEncryptedSquashfs else {
      throw ToolFailure(.failure, code: "not-encrypted", "partition \(partition.id) is not encrypted")
    }
    var source = key.source
    source.reporter = reporter
    let opened: EncryptedPartition.Opened
    do {
      opened = try EncryptedPartition(partition, in: image, allowsAnyCipher: source.allowsAnyCipher)
        .open(with: source, in: image)
    } catch let error as SIFError { throw error.naming(input.path) }
    let reader = try opened.squashfsReader(isWhole: true)

    let rewrite = try PartitionRewrite(
      of: image, partition, to: .squashfs, dropping: image.wrappedKeys(for: partition))
    var signatures: [Descriptor] = []
    try rewrite.write(to: output.path, like: input.path, clock: clock, reporter) { place in
      let target = PartitionVolume(storage: place.storage, offset: place.offset, byteCount: reader.byteCount)
      try reader.decryptAll(threads: Workers.processors(limit: 256)) { (bytes, offset) throws(LUKSError) in
        try target.write(bytes, at: offset)
      }
      return reader.byteCount
    } then: { editor, _ in
      signatures = try signing.sign(&editor, reporter)
    }
    guard json.json else { return }
    try Console.write(document: [
      JSONMember("partition", .integer(Int64(partition.id))),
      JSONMember("keySlot", .integer(Int64(opened.unlocked.slot))),
      JSONMember("size", .integer(reader.byteCount)),
      JSONMember("droppedMessages", PartitionRewrite.ids(rewrite.messages)),
      JSONMember("droppedSignatures", PartitionRewrite.ids(rewrite.signatures)),
      JSONMember("signatures", PartitionRewrite.ids(signatures)),
    ])
  }
}
