import ArgumentParser
import Bytes
import CommandKit
import LUKS
import Partitions
import SIF
import StrictJSON

struct EncryptCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "encrypt", abstract: "Encrypt an image's squashfs into a new image.",
    discussion: """
      The squashfs becomes a LUKS2 volume that the container runtimes can mount. No privilege is needed. Other \
      objects, groups and links stay; signatures that are no longer valid are dropped.

      With --format gocryptfs it becomes a file that gocryptfs encrypts, inside of another squashfs. Apptainer mounts \
      that without privilege; Singularity does not. Every block is protected from changes.

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
  @Option(help: ArgumentHelp("The form of the encrypted partition: luks or gocryptfs.", valueName: "name"))
  var format = EncryptionFormat.luks
  @OptionGroup(title: "The new volume") var shape: VolumeShapeOptions
  @OptionGroup(title: "Signing") var signing: SignAfterOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var json: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { json.json }
  var idleOptions: [IdleOptions] {
    signing.idleOptions
      + (format == .luks
        ? [] : [IdleOptions(VolumeShapeOptions.names, reason: "applies to --format luks alone")])
  }

  func execute(_ reporter: Reporter) throws {
    let options = try shape.options()
    let clock = try write.clock()
    let image = try Image(opening: input.path)
    let partition = try input.named { try Partition(of: image, id: id?.value) }
    let rewrite = try input.named { try PartitionRewrite.encrypting(partition, as: format) }
    var source = NewVolumeKeySource()
    source.passphrase.descriptor = passphrase.passphraseFd?.number
    source.passphrase.file = passphrase.passphraseFile
    source.pemPaths = pemPath
    source.format = format
    let key = try source.read()

    var messages: [Descriptor] = []
    var signatures: [Descriptor] = []
    var facts: EncryptionFacts?
    try rewrite.write(
      to: output.path, like: input.path, clock: clock, watching: { reporter.watching($0, as: image) }
    ) { place in
      switch format {
      case .luks:
        let (volume, byteCount) = try rewrite.encrypt(with: key, options, to: place)
        facts = .luks(volume.header.facts)
        return byteCount
      case .gocryptfs:
        let (file, byteCount) = try rewrite.encryptFile(with: key, to: place, clock: clock)
        facts = .gocryptfs(file)
        return byteCount
      }
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

extension EncryptionFormat: ExpressibleByArgument {}
