import ArgumentParser
import Bytes
import SIF

struct CompactCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "compact", abstract: "Rewrite an image without dead bytes.",
    discussion: """
      Gaps, deleted descriptors and whatever follows the last object go; every object, id, group, link and \
      signature stays. The new image replaces the old one once it is complete.
      """)

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup var write: WriteOptions
  @OptionGroup var progress: ProgressOptions

  func execute() throws {
    let old = try NewImageFile.rewrite(image.path, clock: try write.clock(), watching: progress.watching) {
      try $0.compact(into: $1)
    }
    let new = try Image(opening: image.path)
    progress.note(
      "siftool: \(ByteText.decimal(old.fileSize - new.fileSize)) dropped, \(ByteText.decimal(new.fileSize)) left"
    )
    SignatureNotice.allHold(in: new, progress)
  }
}
