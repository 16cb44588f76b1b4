import ArgumentParser
import CommandKit
import LUKS
import SIF
import StrictJSON

struct RekeyCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "rekey", abstract: "Change who can open an encrypted image, in place.",
    discussion: """
      The new key is added, and then the one that opened the image is removed; a cut in between leaves an image \
      that one of them opens. The squashfs is not touched, and its own key stays: whoever has kept an old copy \
      of the image and the old key can still read this one. Only encrypting anew helps against that.

      All recipients of one key share its key slot. When that is removed, none of them can open the image any \
      more, and their messages go, too: name everybody who shall go on with --new-pem-path. The ids of the \
      messages of others are told.

      siftool rekey secret.sif --passphrase-file old --new-passphrase-file new
      siftool rekey secret.sif --pem-path mine.pem --keep --new-pem-path theirs.pub.pem
      """)

  @Argument(help: "The image.") var image: PathArgument
  @Option(help: ArgumentHelp("The partition; otherwise the primary one.", valueName: "id")) var id: ObjectID?
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @Option(help: ArgumentHelp("Read the new passphrase from an open file descriptor.", valueName: "n"))
  var newPassphraseFd: Int32?
  @Option(
    help: ArgumentHelp("Read the new passphrase from a file, less one final newline.", valueName: "file"))
  var newPassphraseFile: PathArgument?
  @Option(
    help: ArgumentHelp("A public RSA key that shall open the image (repeatable).", valueName: "file"))
  var newPemPath: [PathArgument] = []
  @Flag(help: "Keep the key that opened the image, too.") var keep = false
  @Flag(help: "Remove the key that opened the image, and add none.") var remove = false
  @OptionGroup(title: "Key derivation") var derivation: KeyDerivationOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var json: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { json.json }

  func validate() throws {
    guard !(keep && remove) else { throw ValidationError("--keep and --remove exclude each other") }
    let isNew = newPassphraseFd != nil || newPassphraseFile != nil || !newPemPath.isEmpty
    guard !(remove && isNew) else { throw ValidationError("--remove takes no new key") }
  }

  func execute(_ reporter: Reporter) throws {
    let cost = try derivation.cost()
    // The lock is held from before the header is read until the last change of it.
    var editor = try ImageEditor(opening: image.path, clock: try write.clock())
    let partition = try PartitionChoice.choose(from: editor.image, id)
    guard partition.isEncryptedSquashfs else {
      throw ToolFailure(.failure, code: "not-encrypted", "partition \(partition.id) is not encrypted")
    }
    var source = key.source
    source.reporter = reporter
    let opened = try EncryptedPartition(
      partition, in: editor.image, allowsAnyCipher: source.allowsAnyCipher
    ).open(with: source, in: editor.image)
    // Nobody is locked out for a key that only a faulty header takes for the right one.
    _ = try opened.squashfsReader()
    var change = try KeyChange(opened, in: editor.image)
    if remove {
      try change.removeOld(&editor, reporter)
    } else {
      let newKey = try newKey(change, opened)
      try change.add(newKey, cost, &editor)
      if !keep { try change.removeOld(&editor, reporter) }
    }
    SignatureNotice.objectChanged(
      partition, "partition \(partition.id) opens with other keys", in: editor.image, reporter)
    if json.json { try Console.write(document: change.members) }
  }

  private func newKey(_ change: KeyChange, _ opened: EncryptedPartition.Opened) throws -> NewVolumeKey {
    var source = NewVolumeKeySource()
    source.passphrase = PassphraseSource(
      descriptor: newPassphraseFd, file: newPassphraseFile, variables: ["SIFTOOL_NEW_PASSPHRASE"])
    source.pemPaths = newPemPath
    source.usesRuntimeVariables = false
    source.optionNames = "--new-passphrase-file, --new-passphrase-fd or --new-pem-path"
    // The key that others got in messages goes to one more: no new key slot is needed for that.
    let isShared = keep && opened.candidate.message != nil && !newPemPath.isEmpty
    return try source.read(sharing: isShared ? opened.candidate : nil)
  }
}

/// A change of the keys of one partition, in steps each of which leaves an image that a key opens
/// (spec/encryption.md, "Changing keys").
private struct KeyChange {
  private let opened: EncryptedPartition.Opened
  private let slots: KeySlotEditor
  /// The messages that were there before.
  private let oldMessages: [Descriptor]
  private var addedSlot: Int?
  private var removedSlot: Int?
  private var messages: [Descriptor] = []
  private var droppedMessages: [Descriptor] = []

  private var partition: Descriptor { opened.partition.object }

  init(_ opened: EncryptedPartition.Opened, in image: Image) throws {
    self.opened = opened
    slots = try KeySlotEditor(opened.partition.volume, opened.partition.header, key: opened.unlocked.key)
    oldMessages = image.wrappedKeys(for: opened.partition.object)
  }

  /// Adds a key: its slot, and then the messages that it travels in.
  mutating func add(
    _ key: NewVolumeKey, _ cost: KeyDerivationCost, _ editor: inout ImageEditor
  ) throws {
    let free = editor.image.header.descriptorsTotal - Int64(editor.image.descriptors.count)
    guard free >= key.messages.count else {
      throw SIFError(
        .noFreeDescriptor,
        "the image has room for \(free) more objects, and \(key.messages.count) messages are to be added; "
          + "growing the image makes more")
    }
    if !key.isShared {
      let update = try key.addSlot(to: slots, cost)
      addedSlot = update.slot
      try apply(update, &editor)
    }
    do {
      messages = try key.addMessages(to: &editor, for: partition)
    } catch {
      // A slot whose key nobody has is of no use.
      if let addedSlot, let undo = try? slots.remove(addedSlot) { try? apply(undo, &editor) }
      throw error
    }
  }

  /// Removes the slot that was opened, and the messages that are of no use without it.
  mutating func removeOld(_ editor: inout ImageEditor, _ reporter: Reporter) throws {
    let slot = opened.unlocked.slot
    let others = slots.header.openingSlots.filter { $0 != slot && $0 != addedSlot }
    let update = try slots.remove(slot)
    // Where no other old slot is left, no old message opens anything; of one that could not be read nobody knows.
    for message in oldMessages where others.isEmpty || message.id == opened.candidate.message {
      try editor.delete(id: message.id, options: [.zero, .compact])
      droppedMessages.append(message)
    }
    try apply(update, &editor)
    removedSlot = slot
    let lost = droppedMessages.filter { $0.id != opened.candidate.message }
    if !lost.isEmpty {
      reporter.warn(
        "\(lost.count == 1 ? "another recipient loses" : "\(lost.count) other recipients lose") access: "
          + "dropped \(Self.list(lost)), which held the removed key")
    }
    let kept = oldMessages.count - droppedMessages.count
    if kept > 0 {
      reporter.note(
        "\(kept) message\(kept == 1 ? "" : "s") stay\(kept == 1 ? "s" : ""): other key slots are left "
          + "that they may be for; what holds the removed key opens nothing any more "
          + "(\(Self.list(oldMessages.filter { old in !droppedMessages.contains { $0.id == old.id } })))")
    }
  }

  /// Messages by their ids.
  private static func list(_ messages: [Descriptor]) -> String {
    "message\(messages.count == 1 ? "" : "s") " + messages.map { "\($0.id)" }.joined(separator: ", ")
  }

  private func apply(_ update: HeaderUpdate, _ editor: inout ImageEditor) throws {
    try editor.overwrite(id: partition.id, steps: update.steps.map { $0.map { ($0.offset, $0.bytes) } })
  }

  /// What was done, for the document.
  var members: [JSONMember] {
    [
      JSONMember("partition", .integer(Int64(partition.id))),
      JSONMember("addedKeySlot", addedSlot.map { .integer(Int64($0)) } ?? .null),
      JSONMember("removedKeySlot", removedSlot.map { .integer(Int64($0)) } ?? .null),
      JSONMember("messages", PartitionRewrite.ids(messages)),
      JSONMember("droppedMessages", PartitionRewrite.ids(droppedMessages)),
      JSONMember("encryption", VolumeFields.json(of: partition.id, slots.header.facts)),
    ]
  }
}
