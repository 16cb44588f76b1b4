import ArgumentParser
import Bytes
import CommandKit
import LUKS
import Partitions
import SIF
import StrictJSON

struct DecryptCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "decrypt", abstract: "Decrypt an image's squashfs into a new image.",
    discussion: """
      The new image holds exactly the bytes that were encrypted. Messages with the key, and signatures that are no \
      longer valid, are dropped; everything else stays.

      siftool decrypt secret.sif plain.sif --pem-path private.pem
      """)

  @Argument(help: "The image.") var input: PathArgument
  @Argument(help: "The new image.") var output: OutputArgument
  @Option(help: ArgumentHelp("The partition's id (default: the primary partition).", valueName: "id")) var id:
    ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @OptionGroup(title: "Signing") var signing: SignAfterOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var json: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { json.json }
  var idleOptions: [IdleOptions] { signing.idleOptions }

  func execute(_ reporter: Reporter) throws {
    let clock = try write.clock()
    let image = try Image(opening: input.path)
    let partition = try input.named { try Partition(of: image, id: id?.value).requireEncrypted() }
    var source = key.source
    source.reporter = reporter
    let opened = try input.namingImage { try image.unlock(partition, with: source) }
    try opened.requireSquashfs(isWhole: true)
    let rewrite = try PartitionRewrite.decrypting(partition, in: image)
    var signatures: [Descriptor] = []
    try rewrite.write(
      to: output.path, like: input.path, clock: clock, watching: { reporter.watching($0, as: image) }
    ) { place in
      try rewrite.decrypt(opened, to: place)
    } then: { editor, _ in
      signatures = try signing.sign(&editor, reporter)
    }
    SignatureNotice.dropped(rewrite, reporter)
    guard json.json else { return }
    try Console.write(document: [
      JSONMember("partition", .integer(Int64(partition.id))),
      JSONMember("keySlot", opened.encryption?.slot.map { .integer(Int64($0)) } ?? .null),
      JSONMember("size", .integer(try opened.contents.byteCount)),
      JSONMember("droppedMessages", JSONValue(ids: rewrite.messages)),
      JSONMember("droppedSignatures", JSONValue(ids: rewrite.signatures)),
      JSONMember("signatures", JSONValue(ids: signatures)),
    ])
  }
}
