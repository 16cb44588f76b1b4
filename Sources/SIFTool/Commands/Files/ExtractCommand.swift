import ArgumentParser
import Bytes
import CommandKit
import Glibc
import LinuxSystem
import SIF
import Squash
import StrictJSON
import Synchronization
import SystemPackage

struct ExtractCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "extract", abstract: "Extract files from an image's squashfs into a directory.",
    discussion: """
      Nothing is ever written outside the directory. Only root can set owners, device nodes, set-id bits and some \
      extended attributes; for other users they are recorded in a manifest beside the directory, one JSON object per \
      line.

      siftool extract app.sif
      siftool extract app.sif -C rootfs /etc 'usr/**/*.so'
      """)

  @OptionGroup var source: SquashOptions
  @Argument(help: "Paths or patterns (*, ?, [a-z], **) inside the image (default: everything).") var paths:
    [InnerPathArgument] =
      []
  @Option(
    name: [.customShort("C"), .long],
    help: ArgumentHelp("The directory (default: a new one named after the image).", valueName: "dir"))
  var directory: DirectoryArgument?
  @Flag(
    help:
      "Resume an interrupted extraction: keep files of the same size and time, replace the rest."
  )
  var resume = false
  @OptionGroup var threads: ThreadOptions
  @Option(
    help: ArgumentHelp("The manifest (default: DIR.manifest.ndjson beside the directory).", valueName: "file")
  )
  var manifest: OutputArgument?
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let image = try source.open(reporter)
    var options = ExtractionOptions()
    options.selection = try image.selection(paths)
    options.threads = threads.count
    options.existing = resume ? .resume : .refuse
    options.isPrivileged = geteuid() == 0
    let (target, isNew) = try destination()
    let root = try OwnedDescriptor(opening: target, flags: O_RDONLY | O_DIRECTORY)
    try Self.lock(root)
    let manifest: ManifestFile
    do {
      manifest = try ManifestFile(
        self.manifest?.path ?? Self.manifestPath(target), continues: resume || !isNew,
        isNamed: self.manifest != nil)
    } catch {
      if isNew { _ = target.withPlatformString { rmdir($0) } }
      throw error
    }
    options.onUnapplied = { manifest.add(line: JSONWriter.compact($0.json)) }
    let bar = reporter.bar(total: image.superblock.bytesUsed)
    let shown = Mutex<Int64>(0)
    options.onProgress = { report in
      bar.advance(
        by: shown.withLock { shown in
          defer { shown = report.bytes }
          return report.bytes - shown
        })
    }
    let report: ExtractionReport
    do { report = try image.extract(into: root, options) } catch {
      // Keep it: it records what could not be set on files already extracted.
      _ = try? manifest.finish()
      throw error
    }
    bar.clear()
    let recorded: Int
    do { recorded = try manifest.finish() } catch {
      throw ToolFailure(
        .system, code: "system",
        "\(error.failure.description): attributes that could not be set on \(error.count) of the extracted files are not "
          + "recorded; --manifest names another place")
    }
    if recorded > 0 {
      reporter.note(
        "attributes of \(recorded) file\(recorded == 1 ? "" : "s") that could not be set are in "
          + "\(manifest.path.printable)")
    }
    let isEmpty = report.entries == 0
    if isEmpty, isNew, !paths.isEmpty { _ = target.withPlatformString { rmdir($0) } }
    if let failure = ToolFailure.faults(report.faults, count: report.faultCount, reporter) { throw failure }
    if let failure = ToolFailure.unmatched(report.unmatched, isEmpty: isEmpty) { throw failure }
  }

  /// Keeps other extractions out of the directory while this one runs.
  private static func lock(_ directory: borrowing OwnedDescriptor) throws {
    // Some file systems have no locks.
    guard (try? directory.lockWhole()) == false else { return }
    throw ToolFailure(
      .system, code: "busy", "another extraction into \(directory.path.printable) is running")
  }

  /// The directory, which is made if it is missing, and whether it was made.
  private func destination() throws -> (FilePath, isNew: Bool) {
    if let directory {
      let status = directory.path.withPlatformString { mkdir($0, 0o777) }
      guard status == 0 || errno == EEXIST else {
        throw SystemError(errno: Errno(rawValue: errno), operation: "create", path: directory.path)
      }
      return (directory.path, status == 0)
    }
    guard let component = source.image.path.lastComponent else {
      throw ToolFailure.usage("no name for a directory follows from the image's name: give one with -C")
    }
    var name = FilePath(root: nil, [component]).bytes
    let suffix = [".sif", ".squashfs", ".sqfs", ".simg"].map { Array($0.utf8) }.first {
      name.count > $0.count && name.suffix($0.count).elementsEqual($0)
    }
    if let suffix { name.removeLast(suffix.count) } else { name += Array(".extracted".utf8) }
    let path = FilePath(bytes: name)
    let status = path.withPlatformString { mkdir($0, 0o777) }
    guard status == 0 || resume && errno == EEXIST else {
      throw SystemError(errno: Errno(rawValue: errno), operation: "create", path: path)
    }
    return (path, status == 0)
  }

  private static func manifestPath(_ directory: FilePath) -> FilePath {
    guard let path = try? directory.resolvingLinks() else { return directory }
    guard path.lastComponent != nil else { return "/manifest.ndjson" }
    return FilePath(bytes: path.bytes + Array(".manifest.ndjson".utf8))
  }
}
