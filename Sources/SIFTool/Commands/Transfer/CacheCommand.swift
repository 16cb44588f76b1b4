import ArgumentParser
import Bytes
import CommandKit
import Glibc
import StrictJSON
import SystemPackage
import Transport

struct CacheCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "cache", abstract: "Show and clean the cache of images.",
    discussion: """
      The cache is in SINGULARITY_CACHEDIR or APPTAINER_CACHEDIR, or in ~/.singularity, and laid out as the runtimes do it.
      """,
    subcommands: [CacheListCommand.self, CacheCleanCommand.self])
}

/// Which entries of the cache.
struct CacheKindOptions: ParsableArguments {
  @Option(
    name: [.customShort("T"), .customLong("type"), .customLong("types")],
    help: ArgumentHelp(
      "Only these kinds, separated by commas: library, oras, oci-tmp, oci-sif, net, shub, blob, build.",
      valueName: "kinds"))
  var kinds: String?

  func chosen() throws -> [ImageCache.Kind] {
    guard let kinds, kinds != "all" else { return ImageCache.Kind.allCases }
    return try kinds.split(separator: ",").map { text in
      guard let kind = ImageCache.Kind(rawValue: String(text)) else {
        throw ToolFailure.usage("--type: there is no kind \"\(ArgumentBytes.printable(String(text)))\"")
      }
      return kind
    }
  }
}

extension ImageCache.Entry {
  var json: JSONValue {
    .object([
      JSONMember("name", .string(Array(name.utf8).escapedName)), JSONMember("type", .string(kind.rawValue)),
      JSONMember("size", .integer(byteCount)),
      JSONMember("time", .string(CivilTime(seconds: time).iso8601)),
    ])
  }

  var line: String {
    let size = ByteText.decimal(byteCount)
    return "\(kind.rawValue)  \(size)  \(CivilTime(seconds: time).iso8601)  \(Array(name.utf8).escapedName)"
  }
}

struct CacheListCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list", abstract: "List what is in the cache, the oldest first.")

  @OptionGroup var kinds: CacheKindOptions
  @Flag(name: [.short, .long], help: "Show each entry, not only the sums.") var verbose = false
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let cache = ImageCache()
    let entries = try cache.entries(try kinds.chosen())
    let total = entries.reduce(Int64(0)) { $0.addingReportingOverflow($1.byteCount).partialValue }
    guard output.json else {
      if verbose { try Console.write(lines: entries.map(\.line)) }
      return try Console.write(
        line:
          "\(entries.count) \(entries.count == 1 ? "entry" : "entries"), \(ByteText.decimal(total)) in \(cache.directory.printable)"
      )
    }
    try Console.write(document: [
      JSONMember("directory", .string(cache.directory.printable)), JSONMember("size", .integer(total)),
      JSONMember("entries", .array(entries.map(\.json))),
    ])
  }
}

struct CacheCleanCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "clean", abstract: "Remove what is in the cache.")

  @OptionGroup var kinds: CacheKindOptions
  @Option(
    name: [.customShort("D"), .long],
    help: ArgumentHelp("Only what was not used for so many days.", valueName: "days"))
  var days: UInt16?
  @Option(
    help: ArgumentHelp("Only the oldest entries, until this size is left.", valueName: "size"))
  var limit: SizeArgument?
  @Flag(name: [.customShort("n"), .long], help: "Only say what would be removed.") var dryRun = false
  /// Nothing is asked.
  @Flag(name: [.short, .long], help: .hidden) var force = false
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let cache = ImageCache()
    let before = days.map { Int64(time(nil)) - Int64($0) * 86400 }
    let entries = try cache.removable(try kinds.chosen(), before: before, keeping: limit?.bytes)
    let total = entries.reduce(Int64(0)) { $0.addingReportingOverflow($1.byteCount).partialValue }
    if dryRun {
      try Console.write(lines: entries.map(\.line))
    } else {
      try cache.remove(entries)
    }
    reporter.note(
      "\(entries.count) \(entries.count == 1 ? "entry" : "entries"), \(ByteText.decimal(total))\(dryRun ? " would be" : "") removed from \(cache.directory.printable)"
    )
  }
}
