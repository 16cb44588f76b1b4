import ArgumentParser
import Bytes
import CommandKit
import Forensics
import Glibc
import LinuxSystem
import SIF
import StrictJSON
import SystemPackage

struct CarveCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "carve", abstract: "Find deleted objects, and everything else outside of objects.",
    discussion: """
      Searches gaps, padding, trailing bytes and unused descriptors for squashfs, LUKS, ext, OpenPGP, PEM, JSON, ELF, \
      tar, gzip, Zstandard and images within the image. Data without a structure of its own extends to its neighbours. \
      Each item has a confidence and a reason. Damaged images are also searched. The image is never written to.

      siftool carve image.sif --extract found
      """)

  @Argument(help: "The image, or any other file.") var image: PathArgument
  @Flag(help: "Also search inside of objects.") var all = false
  @Option(
    help: ArgumentHelp("Leave out items of lower confidence: low, medium or high.", valueName: "confidence"))
  var minConfidence = CarvedItem.Confidence.low
  @Option(
    help: ArgumentHelp(
      "Write the items into new files in a directory, with a manifest.json of their digests.",
      valueName: "dir"))
  var extract: DirectoryArgument?
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func execute(_ reporter: Reporter) throws {
    let storage = try Evidence.open(image.path, reporter)
    let state = try FileState(of: storage)
    let bar = reporter.bar(total: try storage.byteCount)
    let carving: Carving
    do { carving = try Carving(of: storage, everywhere: all) { bar.advance(by: $0) } } catch {
      throw error.naming(image.path)
    }
    bar.clear()
    for problem in carving.problems {
      reporter.note("\(problem.naming(image.path).description)")
    }
    let items = carving.items.filter { $0.confidence >= minConfidence }
    var files: [ExtractedItem] = []
    if let extract {
      files = try EndingSignals.deferred { try write(items, of: carving, from: storage, into: extract.path) }
      reporter.note(
        "\(files.count) file\(files.count == 1 ? "" : "s") and manifest.json are in \(extract.path.printable)"
      )
    }
    var failure = try Evidence.change(of: storage, since: state)
    if output.json {
      try Console.write(
        document: carving.members + (failure.map { [JSONMember("error", $0.json)] } ?? []),
        list: JSONList(key: "items", count: items.count) { items[$0].json(files.isEmpty ? nil : files[$0]) })
    } else {
      try Console.write(lines: carving.lines(items))
    }
    failure?.isReported = output.json
    if let failure { throw failure }
  }

  /// Writes the items and the manifest: all of them or nothing.
  private func write(
    _ items: [CarvedItem], of carving: Carving, from storage: FileStorage, into path: FilePath
  ) throws -> [ExtractedItem] {
    let isNew = path.withPlatformString { mkdir($0, 0o777) } == 0
    guard isNew || errno == EEXIST else {
      throw SystemError(errno: Errno(rawValue: errno), operation: "create", path: path)
    }
    let directory = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    var files: [ExtractedItem] = []
    do {
      for item in items { files.append(try item.extract(from: storage, into: directory)) }
      try writeManifest(zip(items, files).map { $0.json($1) }, carving, directory)
    } catch {
      for file in files { try? directory.remove(Array(file.name.utf8)) }
      if isNew { _ = path.withPlatformString { rmdir($0) } }
      throw error
    }
    return files
  }

  private func writeManifest(
    _ items: [JSONValue], _ carving: Carving, _ directory: borrowing OwnedDescriptor
  ) throws {
    let members =
      carving.members + [JSONMember("items", .array(items)), JSONMember("schemaVersion", 1)]
    let bytes = JSONWriter.pretty(.object(members)) + [0x0A]
    let name = Array("manifest.json".utf8)
    do throws(SystemError) {
      let file = try directory.openBeneath(name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
      try SystemError.writeAll(bytes.span.bytes, to: file.rawValue)
    } catch {
      if error.errno != .fileExists { try? directory.remove(name) }
      throw SystemError(
        errno: error.errno, operation: "create", path: directory.path.appending("manifest.json"))
    }
  }
}

extension CarvedItem.Confidence: ExpressibleByArgument {}

/// The results of carving, for people and for scripts.
extension Carving {
  fileprivate func lines(_ items: [CarvedItem]) -> [String] {
    func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(width - text.utf8.count, 0)) + text
    }
    var lines =
      items.isEmpty
      ? [] : ["\(right("OFFSET", 12)) \(right("LENGTH", 12)) \("KIND".padded(to: 16)) CONFIDENCE  REASON"]
    lines += items.map { item in
      "\(right("\(item.offset)", 12)) \(right("\(item.length)", 12)) \(item.kind.rawValue.padded(to: 16)) "
        + "\(item.confidence.rawValue.padded(to: 11)) \(item.reason)"
    }
    let count = items.isEmpty ? "nothing" : "\(items.count) item\(items.count == 1 ? "" : "s")"
    lines.append("\(count) found in \(searchedBytes) of \(fileSize) bytes")
    lines += unreadable.map { "bytes \($0.lowerBound)–\($0.upperBound - 1) could not be read" }
    if isCutShort {
      lines.append(
        "the search left something out: there are more than \(Self.mostItems) items, or too many false starts"
      )
    }
    return lines
  }

  /// The JSON document without the items (spec/json/carve.schema.json).
  fileprivate var members: [JSONMember] {
    [
      JSONMember("size", .integer(fileSize)), JSONMember("searchedBytes", .integer(searchedBytes)),
      JSONMember("cutShort", .bool(isCutShort)),
      JSONMember("problems", .array(problems.map { .string($0.description) })),
      JSONMember(
        "unreadable",
        .array(
          unreadable.map { range in
            .object([
              JSONMember("offset", .integer(range.lowerBound)),
              JSONMember("length", .integer(Int64(range.count))),
            ])
          })),
    ]
  }
}

extension CarvedItem {
  /// An element of the member `items`.
  func json(_ file: ExtractedItem?) -> JSONValue {
    .object([
      JSONMember("offset", .integer(offset)), JSONMember("length", .integer(length)),
      JSONMember("kind", .string(kind.rawValue)), JSONMember("confidence", .string(confidence.rawValue)),
      JSONMember("reason", .string(reason)),
      JSONMember("complete", isComplete.map { .bool($0) } ?? .null),
      JSONMember("descriptor", descriptor.map(\.json) ?? .null),
      JSONMember("file", file.map { .string($0.name) } ?? .null),
      JSONMember("sha256", file?.sha256.map { .string($0.hexadecimal) } ?? .null),
      JSONMember("unreadableBytes", file.map { .integer($0.unreadableBytes) } ?? .null),
    ])
  }
}
