import ArgumentParser
import CommandKit
import LinuxSystem
import SIF

struct AddCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "add", abstract: "Add a data object to an image.",
    discussion: """
      The image changes in one step: a reader sees it either without the object or with it. If the file cannot be \
      read, the disk is full or the command is interrupted, the image stays as it was.

      siftool add image.sif recipe.def --datatype 1
      siftool add image.sif rootfs.squashfs --datatype partition --parttype system --partfs squashfs \
      --partarch amd64
      """)

  @Argument(help: "The image.") var image: OutputArgument
  @Argument(help: "The file whose bytes become the object.") var file: PathArgument
  @OptionGroup(title: "The new object") var object: ObjectOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var idleOptions: [IdleOptions] { object.idleOptions }

  func execute(_ reporter: Reporter) throws {
    let new = try object.newObject()
    let file = try FileSource(opening: file.path)
    var source = ProgressSource(file, shown: reporter.showsProgress)
    var editor = try ImageEditor(opening: image.path, clock: try write.clock())
    // An interrupted command gives the space of the object back.
    _ = try EndingSignals.deferred { () throws(SIFError) in try editor.add(new, from: &source) }
    if let group = new.group, !editor.image.objects(linkedTo: .group(group)).isEmpty {
      SignatureNotice.groupChanged(group, in: editor.image, reporter)
    }
  }
}
