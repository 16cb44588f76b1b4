import Bytes
import CommandKit
import Forensics
import SIF
import Squash
import StrictJSON

/// The facts of an examination, as text for the page and as JSON (spec/json/report.schema.json).
extension ExaminedImage {
  /// The origin of the evidence, and the digests that seal it.
  var acquisition: [(label: String, text: String)] {
    func digest(_ bytes: [UInt8]?) -> String {
      bytes?.hexadecimal ?? "not computed: too many holes, or unreadable"
    }
    var facts = [
      ("File", path.string), ("Size", "\(self.size) bytes"),
      ("SHA-256 before", digest(self.digests.before)), ("SHA-256 after", digest(self.digests.after)),
      ("File last changed", self.fileTime.iso8601), ("Tool", "siftool \(ToolVersion.number)"),
      ("Arguments", arguments.joined(separator: " ")),
    ]
    facts.append(("Time of the examination", self.time?.iso8601 ?? "not recorded"))
    return facts
  }

  /// The JSON document.
  var members: [JSONMember] {
    let objects = self.lenient.descriptors.prefix(ReportPage.mostRows)
    let regions = self.map.regions.prefix(ReportPage.mostRows)
    let items = self.carving.items.prefix(ReportPage.mostRows)
    let definition = page?.definition ?? self.inner.definition
    let labels = page.map { $0.labels.isEmpty ? self.inner.labels : $0.labels } ?? []
    return [
      JSONMember("acquisition", acquisitionJSON),
      JSONMember("header", self.lenient.header.map(\.json) ?? .null),
      JSONMember("objectCount", .integer(Int64(self.lenient.descriptors.count))),
      JSONMember("objects", .array(objects.map(\.json))),
      JSONMember("regionCount", .integer(Int64(self.map.regions.count))),
      JSONMember("regions", .array(regions.map(\.json))),
      JSONMember("carvedCount", .integer(Int64(self.carving.items.count))),
      JSONMember("carved", .array(items.map { $0.json(nil) })),
      JSONMember(
        "verification",
        self.verification.map { .object($0.document + [JSONMember("schemaVersion", 1)]) } ?? .null),
      JSONMember(
        "encryption", .array((page?.volumes ?? []).map { VolumeFields.json(of: $0.object, $0.facts) })),
      JSONMember("definitionFile", definition?.json ?? .null), JSONMember("labels", .object(labels)),
      JSONMember("environment", environmentJSON),
      JSONMember("partitions", .array(self.partitions.map(\.json))),
      JSONMember(
        "implausibleTimes",
        .array(
          self.implausible.map { time in
            .object([
              JSONMember("what", .string(time.what)), JSONMember("time", .string(time.time.iso8601)),
              JSONMember("why", .string(time.why)),
            ])
          })),
      JSONMember("findings", .array(self.findings.map(\.json))),
      JSONMember("worst", self.findings.map(\.severity).max().map { .string($0.rawValue) } ?? .null),
    ]
  }

  private var acquisitionJSON: JSONValue {
    func digest(_ bytes: [UInt8]?) -> JSONValue { bytes.map { .string($0.hexadecimal) } ?? .null }
    return .object([
      JSONMember("path", Array(path.string.utf8).json), JSONMember("size", .integer(self.size)),
      JSONMember("sha256Before", digest(self.digests.before)),
      JSONMember("sha256After", digest(self.digests.after)),
      JSONMember("changed", .bool(self.hasChanged)), JSONMember("modifiedAt", .string(self.fileTime.iso8601)),
      JSONMember("toolVersion", .string(ToolVersion.number)),
      JSONMember("arguments", .array(arguments.map { .string($0) })),
      JSONMember("time", self.time.map { .string($0.iso8601) } ?? .null),
    ])
  }

  private var environmentJSON: JSONValue {
    let own: [JSONValue] =
      self.environment.map { [.object([JSONMember("name", .null), JSONMember("text", $0.json)])] } ?? []
    return .array(
      own
        + self.inner.environment.map { script in
          .object([JSONMember("name", script.name.json), JSONMember("text", script.text.json)])
        })
  }
}

extension Examination.Partition {
  fileprivate var json: JSONValue {
    .object([
      JSONMember("object", .integer(Int64(object))),
      JSONMember("reason", fault.map { .string(ToolFailure($0).message) } ?? .null),
      JSONMember("files", files?.json ?? .null),
    ])
  }
}

extension FileStatistics {
  fileprivate var json: JSONValue {
    func list(_ files: [File]) -> JSONValue { .array(files.map(\.json)) }
    func selection(_ selection: Selection) -> JSONValue {
      .object([
        JSONMember("count", .integer(Int64(selection.count))), JSONMember("files", list(selection.files)),
      ])
    }
    return .object([
      JSONMember("madeAt", .string(madeAt.iso8601)), JSONMember("contentBytes", .integer(contentBytes)),
      JSONMember(
        "counts",
        .object(
          counts.map { JSONMember($0.key.name, .integer(Int64($0.value))) }.sorted { $0.key < $1.key })),
      JSONMember("largest", list(largest)), JSONMember("latest", list(latest)),
      JSONMember("setId", selection(setID)), JSONMember("worldWritable", selection(worldWritable)),
      JSONMember("devices", selection(devices)), JSONMember("implausible", selection(implausible)),
      JSONMember("faultCount", .integer(Int64(faultCount))), JSONMember("faults", .array(faults.map(\.json))),
    ])
  }
}

extension FileStatistics.File {
  fileprivate var json: JSONValue {
    Entry(name: [], path: Array(path.dropFirst()), inode: inode).json([])
  }
}
