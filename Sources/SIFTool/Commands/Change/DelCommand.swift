import ArgumentParser
import CommandKit
import SIF

struct DelCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "del", abstract: "Delete a data object from an image.",
    discussion: "The object's bytes stay in the file unless --zero or --compact removes them.")

  @Argument(help: "The object's id.") var id: ObjectID
  @Argument(help: "The image.") var image: PathArgument
  @Flag(help: "Overwrite the object's bytes with zeros.") var zero = false
  @Flag(help: "Cut off the file after the last remaining object.") var compact = false
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    var editor = try ImageEditor(opening: image.path, clock: try write.clock())
    let object = try editor.image.object(id: id.value)
    var options: ImageEditor.Deletion = []
    if zero { options.insert(.zero) }
    if compact { options.insert(.compact) }
    try editor.delete(id: id.value, options: options)
    SignatureNotice.objectChanged(object, "object \(id.value) is deleted", in: editor.image, reporter)
    for other in editor.image.objects(linkedTo: .object(id.value)) where other.dataType != .signature {
      reporter.warn("object \(other.id) is still linked to object \(id.value)")
    }
  }
}
