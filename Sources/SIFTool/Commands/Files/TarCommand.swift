import ArgumentParser
import Bytes
import CommandKit
import Glibc
import LinuxSystem
import SIF
import Squash

struct TarCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "tar", abstract: "Write files from an image's squashfs into a POSIX pax archive.",
    discussion: """
      The archive keeps owners, times, extended attributes, hard links, holes and device nodes. GNU tar restores \
      extended attributes with --xattrs --xattrs-include='*'.
      """)

  @OptionGroup var source: SquashOptions
  @Argument(help: "Paths or patterns (*, ?, [a-z], **) inside the image (default: everything).") var paths:
    [InnerPathArgument] = []
  @Option(
    name: [.short, .long],
    help: ArgumentHelp("The archive (default: -, standard output).", valueName: "file"))
  var output: StreamArgument?
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    guard output?.path != nil || !Console.isTerminal(STDOUT_FILENO) else {
      throw ToolFailure.usage(
        "an archive cannot be written to a terminal: give -o FILE or redirect the output")
    }
    let image = try source.open(reporter)
    let selection = try image.selection(paths)
    let report: TarReport
    if let path = output?.path {
      let file = try OutputFile(writing: path, mode: 0o644)
      report = try write(image, selection, to: OutputBuffer(file.number, path: path), reporter)
      try requireEntries(report)
      try file.commit()
    } else {
      report = try write(image, selection, to: OutputBuffer(), reporter)
    }
    for path in report.skipped {
      reporter.note("left out: \(path.escapedName): an archive cannot hold a socket")
    }
    if let failure = ToolFailure.faults(report.faults, count: report.faultCount, reporter) { throw failure }
    if let failure = ToolFailure.unmatched(report.unmatched, isEmpty: report.entries == 0) { throw failure }
  }

  /// Refuses to put an archive without entries in the place of a file.
  private func requireEntries(_ report: TarReport) throws {
    guard report.entries == 0 else { return }
    if let failure = ToolFailure.unmatched(report.unmatched, isEmpty: true) { throw failure }
  }

  private func write(
    _ image: SquashImage, _ selection: PathSelection, to sink: OutputBuffer, _ reporter: Reporter
  ) throws -> TarReport {
    var stream = TarStream(try SquashReader(image), to: sink)
    let bar = reporter.bar(total: image.superblock.bytesUsed)
    var shown: Int64 = 0
    let report: TarReport
    do throws(SquashError) {
      report = try stream.write(selection) { report in
        bar.advance(by: report.bytes - shown)
        shown = report.bytes
      }
    } catch {
      throw sink.failure(error)
    }
    try sink.flush()
    return report
  }
}
