import ArgumentParser
import CommandKit
import SIF

struct GrowCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "grow", abstract: "Rewrite an image with room for more objects.",
    discussion: "Keeps every byte of the old image. The new image replaces it once it is complete.")

  @Argument(help: "The image.") var image: PathArgument
  @Option(
    help: ArgumentHelp(
      "The new number of descriptor slots: the most objects that the image can hold.", valueName: "n"))
  var capacity: Int64
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let clock = try write.clock()
    let old = try NewImageFile.rewrite(image.path, clock: clock, watching: reporter.watching) {
      rewriter, new in
      try ToolFailure.reading("--capacity") { try rewriter.grow(toCapacity: capacity, into: new) }
    }
    reporter.note(
      "room for \(capacity) objects instead of \(old.header.descriptorsTotal)")
    SignatureNotice.allHold(in: old, reporter)
  }
}
