import ArgumentParser
import Bytes
import CommandKit
import LUKS
import PEMKeys
import SIF
import Squash
import StrictJSON

struct LsCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "ls", abstract: "List files in an image's squashfs.",
    discussion:
      "A symbolic link at the end of a path is not followed. Characters that could disturb a terminal are escaped."
  )

  @OptionGroup var source: SquashOptions
  @Argument(help: "Paths inside the image, with or without a leading slash (default: the root directory).")
  var paths: [InnerPathArgument] = []
  @Flag(name: [.short, .long], help: "Also show type, permissions, links, owner, group, size and time.")
  var long =
    false
  @Flag(name: [.customShort("R"), .long], help: "List directories with everything beneath them, by paths.")
  var recursive = false
  @OptionGroup(title: "Output") var output: JSONLinesOption

  var printsJSON: Bool { false }

  func validate() throws {
    guard !long || !output.isGiven else { throw ValidationError("--long excludes --json and --ndjson") }
  }

  func execute() throws {
    let listing = Listing(output.json ? .document : output.ndjson ? .lines : long ? .long : .short)
    do {
      let image = try source.open()
      let reader = try SquashReader(image)
      let missing = try list(reader, listing)
      try listing.end(missing)
      if let missing { throw missing }
    } catch let error as ToolFailure where listing.isEnded {
      throw error
    } catch {
      let failure = ToolFailure(error)
      try listing.end(failure)
      throw failure
    }
    if let failure = ToolFailure.faults(listing.faults, count: listing.faultCount, Reporter()) {
      throw failure
    }
  }

  /// Lists the paths that were given: files first, then the contents of directories, under their names if there are
  /// several.
  ///
  /// - Returns: the failure of the first path that does not exist; the others are still listed.
  private func list(_ reader: SquashReader, _ listing: Listing) throws -> ToolFailure? {
    var missing: ToolFailure?
    var files: [Entry] = []
    var directories: [(path: [UInt8], entry: Entry)] = []
    for path in paths.isEmpty ? [Array("/".utf8)] : paths.map(\.bytes) {
      do throws(SquashError) {
        let entry = try reader.lookup(path)
        if entry.inode.type == .directory { directories.append((path, entry)) } else { files.append(entry) }
      } catch {
        guard [.notFound, .notDirectory, .symlinkLoop].contains(error.code) else { throw error }
        if let missing { Console.say(missing.message, .failure) }
        missing = ToolFailure(error)
      }
    }
    for file in files { try list(file, reader, listing) }
    for (index, directory) in directories.enumerated() {
      if paths.count > 1, !recursive {
        try listing.heading(directory.path, isFirst: files.isEmpty && index == 0)
      }
      try list(directory.entry, reader, listing)
    }
    return missing
  }

  private func list(_ start: Entry, _ reader: SquashReader, _ listing: Listing) throws {
    // Names alone do not need the inodes.
    var walker = TreeWalker(reader, from: start, reads: listing.needsInodes ? .all : .names)
    var depth = 0
    while let event = try walker.next() {
      switch event {
      case .endOfDirectory: depth -= 1
      case .fault(let fault): listing.note(fault)
      case .name:
        let shown = recursive || start.path.isEmpty ? 0 : start.path.count + 1
        try listing.add(name: walker.path[shown...])
      case .entry(let entry):
        let isDirectory = entry.inode.type == .directory
        let isStart = depth == 0 && entry.path == start.path
        if isDirectory { depth += 1 }
        if isDirectory, !recursive, !isStart { walker.skipDescendants() }
        // A directory that was asked for stands for its content; -R names it too, unless it is the root.
        if isStart, isDirectory, !recursive || entry.path.isEmpty { continue }
        try listing.add(entry, name: recursive || isStart ? entry.path : entry.name, reader)
      }
    }
  }
}

/// A listing in one of four forms, written while entries are found.
final class Listing {
  enum Form {
    case short
    case long
    case lines
    case document
  }

  private let form: Form
  private let output: OutputBuffer
  private let stream: JSONStream
  private(set) var isEnded = false
  private(set) var faults: [SquashError] = []
  private(set) var faultCount = 0

  init(_ form: Form) {
    self.form = form
    let output = OutputBuffer()
    self.output = output
    stream = JSONStream(list: "entries", isDocument: form == .document) { (bytes) throws(ToolFailure) in
      try output.append(raw: bytes)
    }
  }

  /// Names a directory before its contents. JSON needs no headings: it has whole paths.
  func heading(_ path: [UInt8], isFirst: Bool) throws {
    guard form == .short || form == .long else { return }
    if !isFirst { try output.append(line: "") }
    try output.append(line: "\(path.escapedName):")
  }

  func note(_ fault: SquashError) {
    faultCount += 1
    if faults.count < ExtractionReport.mostFaults { faults.append(fault) }
  }

  /// Whether to show more than names.
  var needsInodes: Bool { form != .short }

  func add(name: ArraySlice<UInt8>) throws {
    // Nearly all names are plain text, and need no copy.
    let isPlain = name.withUnsafeBytes { bytes in
      var isPlain = true
      for byte in bytes where byte &- 0x20 >= 0x5F || byte == 0x5C { isPlain = false }
      return isPlain
    }
    if isPlain {
      try output.append(plainLine: name)
    } else {
      try output.append(line: name.escapedName)
    }
  }

  func add(_ entry: Entry, name: [UInt8], _ reader: SquashReader) throws {
    switch form {
    case .short: try add(name: name[...])
    case .long: try output.append(line: entry.longLine(name))
    case .lines, .document: try stream.add(entry.json(try reader.extendedAttributes(of: entry.inode)))
    }
  }

  /// Ends the listing. A document also says what went wrong.
  func end(_ failure: ToolFailure?) throws {
    isEnded = true
    if form == .document {
      let error = failure.map { JSONMember("error", $0.json) }
      try stream.end([error, JSONMember("faults", .array(faults.map(\.json)))].compactMap { $0 })
    }
    try output.flush()
  }
}
