import ArgumentParser
import Bytes
import CommandKit
import LUKS
import Partitions
import SIF
import StrictJSON

struct EncryptCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "encrypt", abstract: "Encrypt an image's squashfs into a new image.",
    discussion: """
      The squashfs becomes a LUKS2 volume that the container runtimes can mount. No privilege is needed. Other \
      objects, groups and links stay; signatures that are no longer valid are dropped.

      With --pem-path (repeatable) the key is random, and the image stores it encrypted for each public RSA key. \
      Runtimes only look at the first.

      siftool encrypt plain.sif secret.sif --pem-path pub.pem
      siftool encrypt plain.sif secret.sif --passphrase-file phrase --sign-key key.asc
      """)

  @Argument(help: "The image.") var input: PathArgument
  @Argument(help: "The new image.") var output: OutputArgument
  @Option(help: ArgumentHelp("The partition's id (default: the primary partition).", valueName: "id")) var id:
    ObjectID?
  @OptionGroup(title: "Passphrase") var passphrase: PassphraseOptions
  @Option(
    help: ArgumentHelp(
      "The public RSA key of a recipient: 2048 to 8192 bits, in PEM (repeatable).", valueName: "file"))
  var pemPath: [PathArgument] = []
  @OptionGroup(title: "The new volume") var shape: VolumeShapeOptions
  @OptionGroup(title: "Signing") var signing: SignAfterOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var json: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { json.json }
  var idleOptions: [IdleOptions] { signing.idleOptions }

  func execute(_ reporter: Reporter) throws {
    let options = try shape.options()
    let clock = try write.clock()
    let image = try Image(opening: input.path)
    let partition = try input.named { try Partition(of: image, id: id?.value) }
    let rewrite = try input.named { try PartitionRewrite.encrypting(partition) }
    var source = NewVolumeKeySource()
    source.passphrase.descriptor = passphrase.passphraseFd?.number
    source.passphrase.file = passphrase.passphraseFile
    source.pemPaths = pemPath
    let key = try source.read()

    var messages: [Descriptor] = []
    var signatures: [Descriptor] = []
    var facts: VolumeFacts?
    try rewrite.write(
      to: output.path, like: input.path, clock: clock, watching: { reporter.watching($0, as: image) }
    ) { place in
      let (volume, byteCount) = try rewrite.encrypt(with: key, options, to: place)
      facts = volume.header.facts
      return byteCount
    } then: { editor, partition in
      messages = try key.addMessages(to: &editor, for: partition)
      signatures = try signing.sign(&editor, reporter)
    }
    SignatureNotice.dropped(rewrite, reporter)
    guard json.json else { return }
    try Console.write(document: [
      JSONMember("partition", .integer(Int64(rewrite.partition.id))),
      JSONMember("encryption", facts.map { VolumeFields.json(of: rewrite.partition.id, $0) } ?? .null),
      JSONMember("messages", JSONValue(ids: messages)),
      JSONMember("droppedSignatures", JSONValue(ids: rewrite.signatures)),
      JSONMember("signatures", JSONValue(ids: signatures)),
    ])
  }
}
