import ArgumentParser
import Bytes
import CommandKit
import SIF

struct CompactCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "compact", abstract: "Rewrite an image without dead bytes.",
    discussion: """
      Removes gaps, deleted descriptors and everything after the last object; keeps every object, id, group, link \
      and signature. The new image replaces the old one once it is complete.
      """)

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let old = try NewImageFile.rewrite(image.path, clock: try write.clock(), watching: reporter.watching) {
      try $0.compact(into: $1)
    }
    let new = try Image(opening: image.path)
    reporter.note(
      "\(ByteText.decimal(old.fileSize - new.fileSize)) dropped, \(ByteText.decimal(new.fileSize)) left"
    )
    SignatureNotice.allHold(in: new, reporter)
  }
}
