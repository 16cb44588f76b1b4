import ArgumentParser
import Bytes
import CommandKit
import Glibc
import SIFRuntime
import Squash
import SystemPackage

struct RunHelpCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "run-help", abstract: "Show the help that the author of an image wrote.",
    discussion: """
      The help is the file /.singularity.d/runscript.help in the image, or scif/runscript.help of an app. Nothing is \
      mounted, and no program of the image runs.

      siftool run-help app.sif
      siftool run-help --app solver app.sif
      """)

  @OptionGroup var source: SquashOptions
  @OptionGroup var app: AppOption

  private static let longest: Int64 = 1 << 20

  func execute() throws {
    let path = app.app.map { "scif/apps/\($0)/scif/runscript.help" } ?? ".singularity.d/runscript.help"
    let found =
      if let directory = try directory {
        try directory.content(of: FilePath(path), limit: Int(Self.longest))
      } else {
        try help(at: path)
      }
    guard let text = found else {
      Reporter().note(app.app.map { "the app \($0) has no help" } ?? "the image has no help")
      return
    }
    var lines = text.split(separator: 0x0A, omittingEmptySubsequences: false)
    if lines.last?.isEmpty == true { lines.removeLast() }
    try Console.write(lines: lines.map { String(decoding: $0, as: UTF8.self) }, keepsTabs: true)
  }

  /// The directory, if the image is one.
  private var directory: SourceDirectory? {
    get throws {
      var status = stat()
      guard source.image.path.withPlatformString({ stat($0, &status) }) == 0,
        status.st_mode & S_IFMT == S_IFDIR
      else { return nil }
      guard source.id == nil else { throw ToolFailure.usage("--id does not apply to a directory") }
      return try SourceDirectory(opening: source.image.path)
    }
  }

  /// The help in a squashfs; nil if there is none.
  private func help(at path: String) throws -> [UInt8]? {
    let reader = try SquashReader(try source.open())
    let entry: Entry
    do { entry = try reader.lookup(Array(path.utf8), followLast: true) } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
    guard let layout = entry.inode.layout else {
      throw SquashError(.notRegularFile, "not a regular file", path: entry.path)
    }
    guard layout.size <= Self.longest else {
      throw ToolFailure(.malformed, code: "too-long", "\(path) is longer than 1 MiB")
    }
    var text: [UInt8] = []
    try reader.read(layout) { (offset, bytes) throws(SquashError) in
      text += [UInt8](repeating: 0, count: max(Int(offset) - text.count, 0)) + bytes
    }
    return text
  }
}

/// The app of an image that is meant.
struct AppOption: SeparateGroup {
  @Option(
    help: ArgumentHelp("Use the variables and scripts of this app of the image (SCIF).", valueName: "name"))
  var app: String?

  func validate() throws {
    guard let app else { return }
    guard !app.isEmpty, app != ".", app != "..", !app.contains("/") else {
      throw ValidationError("--app takes the name of an app, one component of a path")
    }
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}
