import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageBuild
import OCI
import SIF
import Squash
import SystemPackage

struct ExportCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "export", abstract: "Make an image in OCI's or Docker's form of an image.",
    discussion: """
      The destination is oci:DIR[:ref], to which the image is added, or a new file: oci-archive:FILE[:ref] or \
      docker-archive:FILE[:ref]. The image has one layer, the whole root file system. Its program and variables are those \
      that the image brought along from such a form; otherwise it starts the image's runscript.

      siftool export app.sif docker-archive:app.tar:team/app:1
      """)

  @OptionGroup var source: SquashOptions
  @Argument(help: ArgumentHelp("The destination.", valueName: "destination")) var destination: PullArgument
  @Flag(name: [.customShort("F"), .long], help: "Replace an existing archive.") var force = false
  @OptionGroup var threads: ThreadOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    guard try OCILocation(source.image.bytes) == nil else {
      throw ToolFailure.usage(
        "\(source.image.path.printable) is in OCI's or Docker's form already; skopeo copies such images")
    }
    guard let location = try OCILocation(destination.bytes) else {
      throw ToolFailure.usage(
        "\"\(destination.bytes.printable)\" is not a destination: oci:, oci-archive: or docker-archive:, and a path"
      )
    }
    let exists = location.path.withPlatformString { access($0, F_OK) } == 0
    guard force || location.form == .layout || !exists else {
      throw ToolFailure(
        .failure, code: "exists", "\(location.path.printable) exists already; --force replaces it")
    }
    let file = try source.open(reporter)
    var export = ImageExport(of: source.image.path, file)
    export.threads = threads.count
    let bar = reporter.bar(total: file.superblock.bytesUsed)
    var shown: Int64 = 0
    try export.write(to: location) { report in
      bar.advance(by: report.bytes - shown)
      shown = report.bytes
    }
    bar.clear()
    for path in export.report?.skipped ?? [] {
      reporter.note("left out: \(path.escapedName): an archive cannot hold a socket")
    }
  }
}
