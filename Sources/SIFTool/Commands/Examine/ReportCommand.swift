import ArgumentParser
import CommandKit
import Forensics
import SIF
import StrictJSON

struct ReportCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "report", abstract: "Write a report on an image: one page of HTML, or JSON.",
    discussion: """
      The report has acquisition facts with the file's SHA-256 before and after, header, objects, a drawing of the \
      file, signatures and their coverage, encryption, definition file, labels, environment, remarkable files, \
      implausible times, findings, and everything outside of objects. The page needs no network and no script. The \
      image is never written to.

      siftool report image.sif -o report.html --key signer.asc
      """)

  @Argument(help: "The image.") var image: PathArgument
  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The file to write the report to (default: -, standard output).", valueName: "file"))
  var output: StreamArgument?
  @Flag(
    help: ArgumentHelp(
      "Record no time in the report.",
      discussion: "SOURCE_DATE_EPOCH in the environment sets the time of the report."))
  var deterministic = false
  @OptionGroup(title: "Trusted keys") var trust: TrustOptions
  @OptionGroup(title: "Key of an encrypted partition") var volumeKey: VolumeKeyOptions
  @OptionGroup(title: "Output") var form: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { form.json }

  func execute(_ reporter: Reporter) throws {
    let storage = try Evidence.open(image.path, reporter)
    let now = try WriteOptions.sourceDateEpoch() ?? Timestamp.now
    let report: ExaminedImage
    do {
      var key = volumeKey.source
      key.reporter = reporter
      report = try ExaminedImage(
        image, storage, time: deterministic ? nil : now, trust: trust, key: key, reporter)
    } catch let error as SIFError {
      throw error.naming(image.path)
    }
    var failure = report.failure
    if report.hasChanged {
      failure = Evidence.changed
    }
    let text: [UInt8]
    if form.json {
      text = Console.bytes(of: report.members + (failure.map { [JSONMember("error", $0.json)] } ?? []))
    } else {
      text = Array(ReportPage(report).document.utf8)
    }
    if let path = output?.path {
      try Evidence.write(text, to: path)
    } else {
      try Console.write(raw: text)
    }
    failure?.isReported = output?.path == nil && form.json
    if let failure { throw failure }
  }
}
