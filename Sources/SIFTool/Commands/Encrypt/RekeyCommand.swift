import ArgumentParser
import CommandKit
import LUKS
import Partitions
import SIF
import StrictJSON

struct RekeyCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "rekey", abstract: "Change who can open an encrypted image, in place.",
    discussion: """
      Adds the new key, then removes the one that opened the image. If it is interrupted in between, one of them \
      still opens the image. The squashfs is not encrypted again, and the volume's own key stays: a person who kept an \
      old copy of the image and the old key can still read this one. Only a new encryption prevents that.

      All recipients of one key share its key slot. When the slot is removed, none of them can open the image any \
      more, and their messages are removed too: name everybody who is to keep access with --new-pem-path. The ids of \
      other recipients' messages are printed.

      siftool rekey secret.sif --passphrase-file old --new-passphrase-file new
      siftool rekey secret.sif --pem-path mine.pem --keep --new-pem-path theirs.pub.pem
      """)

  @Argument(help: "The image.") var image: OutputArgument
  @Option(help: ArgumentHelp("The partition's id (default: the primary partition).", valueName: "id")) var id:
    ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @Option(help: ArgumentHelp("Read the new passphrase from an open file descriptor.", valueName: "n"))
  var newPassphraseFd: DescriptorArgument?
  @Option(
    help: ArgumentHelp(
      "Read the new passphrase from a file; one final newline is ignored.", valueName: "file"))
  var newPassphraseFile: PathArgument?
  @Option(
    help: ArgumentHelp(
      "The public RSA key of a new recipient: 2048 to 8192 bits, in PEM (repeatable).", valueName: "file"))
  var newPemPath: [PathArgument] = []
  @Flag(help: "Also keep the key that opened the image.") var keep = false
  @Flag(help: "Remove the key that opened the image without adding another.") var remove = false
  @OptionGroup(title: "Key derivation") var derivation: KeyDerivationOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var json: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { json.json }

  func validate() throws {
    guard !(keep && remove) else { throw ValidationError("--keep and --remove exclude each other") }
    let isNew = newPassphraseFd != nil || newPassphraseFile != nil || !newPemPath.isEmpty
    guard !(remove && isNew) else { throw ValidationError("--remove takes no new key") }
    try PassphraseOptions.refuseBoth(
      "--new-passphrase-fd", newPassphraseFd, "--new-passphrase-file", newPassphraseFile)
    guard newPemPath.isEmpty || newPassphraseFd == nil && newPassphraseFile == nil else {
      throw ValidationError("a new passphrase and --new-pem-path exclude each other")
    }
  }

  var idleOptions: [IdleOptions] {
    remove
      ? [IdleOptions("kdf", "kdf-memory", "kdf-time", reason: "is for a new key, and --remove makes none")]
      : []
  }

  func execute(_ reporter: Reporter) throws {
    let cost = try derivation.cost()
    try SecretInput.requireReadable([newPassphraseFile].compactMap { $0 } + newPemPath)
    // The editor holds the lock from before the header is read until its last change.
    var editor = try ImageEditor(opening: image.path, clock: try write.clock())
    let partition = try PathArgument(image.path).named {
      try Partition(of: editor.image, id: id?.value).requireEncrypted()
    }
    try KeyChange.check(partition)
    var source = key.source
    source.reporter = reporter
    let opened = try editor.image.unlock(partition, with: source)
    // A faulty header may accept a wrong key, and a change to that key would lock everybody out.
    try opened.requireSquashfs()
    var change = try KeyChange(of: opened, in: editor.image)
    if remove {
      try removeOld(&change, &editor, reporter)
    } else {
      let newKey = try newKey(change, opened)
      try change.add(newKey, cost, &editor)
      if !keep { try removeOld(&change, &editor, reporter) }
    }
    SignatureNotice.objectChanged(
      partition, "partition \(partition.id) opens with other keys", in: editor.image, reporter)
    if json.json { try Console.write(document: change.members) }
  }

  private func newKey(_ change: KeyChange, _ opened: OpenedPartition) throws -> NewVolumeKey {
    var source = NewVolumeKeySource()
    source.passphrase = PassphraseSource(
      descriptor: newPassphraseFd?.number, file: newPassphraseFile, variables: ["SIFTOOL_NEW_PASSPHRASE"])
    source.pemPaths = newPemPath
    source.usesRuntimeVariables = false
    source.optionNames = "--new-passphrase-file, --new-passphrase-fd or --new-pem-path"
    // A key that others have in messages can go to one more recipient without a new key slot.
    let candidate = opened.encryption?.candidate
    let isShared = keep && candidate?.message != nil && !newPemPath.isEmpty
    return try source.read(sharing: isShared ? candidate : nil)
  }

  /// Removes the old key, and says who loses access.
  private func removeOld(_ change: inout KeyChange, _ editor: inout ImageEditor, _ reporter: Reporter) throws
  {
    try change.removeOld(&editor)
    let lost = change.lostMessages
    if !lost.isEmpty {
      reporter.warn(
        "\(lost.count == 1 ? "another recipient loses" : "\(lost.count) other recipients lose") access: "
          + "dropped \(Self.list(lost)), which held the removed key")
    }
    let kept = change.keptMessages
    if !kept.isEmpty {
      reporter.note(
        "\(kept.count) message\(kept.count == 1 ? "" : "s") stay\(kept.count == 1 ? "s" : ""), which may "
          + "hold the keys of other slots; those with the removed key no longer open anything (\(Self.list(kept)))"
      )
    }
  }

  /// Messages by their ids.
  private static func list(_ messages: [Descriptor]) -> String {
    "message\(messages.count == 1 ? "" : "s") " + messages.map { "\($0.id)" }.joined(separator: ", ")
  }
}

extension KeyChange {
  /// The change, for the document.
  fileprivate var members: [JSONMember] {
    [
      JSONMember("partition", .integer(Int64(partition.id))),
      JSONMember("addedKeySlot", addedSlot.map { .integer(Int64($0)) } ?? .null),
      JSONMember("removedKeySlot", removedSlot.map { .integer(Int64($0)) } ?? .null),
      JSONMember("messages", JSONValue(ids: messages)),
      JSONMember("droppedMessages", JSONValue(ids: droppedMessages)),
      JSONMember("encryption", VolumeFields.json(of: partition.id, .luks(header.facts))),
    ]
  }
}
