import ArgumentParser
import CommandKit
import SIF

struct SetprimCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "setprim", abstract: "Make a system partition the primary one.")

  @Argument(help: "The partition's id.") var id: ObjectID
  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    var editor = try ImageEditor(opening: image.path, clock: try write.clock())
    let before = editor.image
    try editor.setPrimaryPartition(id: id.value)
    for (old, new) in zip(before.descriptors, editor.image.descriptors) where old.extra != new.extra {
      SignatureNotice.objectChanged(
        new, "the partition type of object \(new.id) changed", in: editor.image, reporter)
    }
  }
}
