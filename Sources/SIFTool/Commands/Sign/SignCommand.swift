import ArgumentParser
import Bytes
import CommandKit
import ImageTrust
import SIF

struct SignCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "sign", abstract: "Sign the objects of an image.",
    discussion: """
      Adds one signature for each group of objects, or for the chosen groups and objects. Asks for a passphrase \
      only on a terminal, and writes nothing but the image.

      siftool sign image.sif --key key.asc
      siftool sign image.sif --key-env SIGNING_KEY --passphrase-file secret
      """)

  @Argument(help: "The image.") var image: OutputArgument
  @OptionGroup(title: "Signing key") var signer: SigningKeyOptions
  @Option(help: ArgumentHelp("Sign this group (repeatable).", valueName: "n")) var groupId: [UInt32] = []
  @Option(help: ArgumentHelp("Sign this object (repeatable).", valueName: "id")) var sifId: [ObjectID] = []
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let selection = IntegritySelection(groups: groupId, objects: sifId.map(\.value))
    // A signature always states its time: only SOURCE_DATE_EPOCH can replace the clock, not --deterministic.
    let time = try WriteOptions.sourceDateEpoch() ?? Timestamp.now
    var editor = try ImageEditor(opening: image.path, clock: try write.clock())
    let signatures = try signer.sign(&editor, selection: selection, at: time, reporter)
    let names = ByteText.ranges(signatures.map(\.id))
    reporter.note(.signed(image: image.path.printable, objects: names, count: signatures.count))
    let groups = Set(signatures.compactMap(\.link))
    if editor.image.header.id == .none, groups.count > 1 {
      reporter.warn(
        "the image has no id: nothing ties its \(groups.count) signed groups together, and each may be "
          + "put into another image without an id")
    }
    for object in editor.image.objects(inGroup: nil) where object.dataType != .signature {
      reporter.warn("object \(object.id) is in no group, so it is not signed")
    }
  }
}
