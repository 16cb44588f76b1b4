import ArgumentParser
import Bytes
import CommandKit
import ImageFetch
import OCI
import Partitions
import SIF
import StrictJSON

struct CheckCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "check", abstract: "Find every structural fault of an image.",
    discussion: """
      Each finding has a severity, a code, the offset of a byte, and a sentence. The exit code is 5 if there are \
      errors; with warnings and notes alone it is 0. An encrypted partition's header is checked, and with its key \
      also its contents. Of images in OCI's or Docker's form (oci:, oci-archive:, docker-archive: or dir: and a path), every \
      blob is read, and its size and digests are compared.
      """)

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions
  @Flag(help: "Correct stale counters in the header. Nothing else changes, and no byte is lost.") var repair =
    false
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @Option(
    help: ArgumentHelp(
      "Write the intact objects into a new, sound image; the damaged image is only read.", valueName: "file")
  )
  var salvage: OutputArgument?
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func execute(_ reporter: Reporter) throws {
    if let location = try OCILocation(image.bytes) {
      guard !repair, salvage == nil else {
        throw ToolFailure.usage("--repair and --salvage do not apply to images of OCI and Docker")
      }
      return try report(OCICheck(of: try OCIStore(location)))
    }
    var mended: [String] = []
    let storage: any Storage =
      salvage == nil ? try remote.storage(image) : try Evidence.open(image.path, reporter)
    if storage is RemoteImage, repair {
      throw ToolFailure.usage("--repair changes an image, and one on a server can only be read")
    }
    if repair { mended = try mend(reporter) }
    let check: ImageCheck
    let findings: [Finding]
    do {
      check = try ImageCheck(of: storage)
      findings = try Self.merged(check, storage, keySource(reporter))
    } catch let error as SIFError {
      throw error.naming(image.path)
    }
    let worst = findings.map(\.severity).max()
    let salvaged = try salvage.map { try salvageIntact(of: storage, into: $0) }
    if output.json {
      try Console.write(document: [
        JSONMember("findings", .array(findings.map(\.json))),
        JSONMember("repaired", .array(mended.map { .string($0) })),
        JSONMember("salvaged", salvaged?.json ?? .null),
        JSONMember("size", .integer(check.fileSize)),
        JSONMember("worst", worst.map { .string($0.rawValue) } ?? .null),
      ])
    } else {
      try Console.write(lines: lines(of: check, findings, mended, salvaged))
    }
    if let salvaged, salvaged.kept.isEmpty, !findings.isEmpty || !salvaged.lost.isEmpty, worst != .error {
      var failure = ToolFailure(.malformed, code: "salvage", "nothing was salvaged: the new image is empty")
      failure.isReported = true
      throw failure
    }
    if worst == .error {
      var failure = ToolFailure(.malformed, code: "check", "")
      failure.isReported = true
      throw failure
    }
  }

  /// Prints what is wrong with an image of OCI or Docker.
  private func report(_ check: OCICheck) throws {
    let errors = check.findings.count { !$0.isNote } + check.furtherFindings
    if output.json {
      let findings = check.findings.map { finding -> JSONValue in
        [
          "code": .string(finding.code), "severity": finding.isNote ? "note" : "error", "offset": 0,
          "object": nil,
          "sentence": .string(finding.sentence),
        ]
      }
      try Console.write(document: [
        JSONMember("findings", .array(findings)), JSONMember("repaired", []), JSONMember("salvaged", .null),
        JSONMember("size", .integer(check.bytes)),
        JSONMember("worst", findings.isEmpty ? .null : errors > 0 ? "error" : "note"),
      ])
    } else {
      var lines = check.findings.map { "\($0.isNote ? "note " : "error")    \($0.sentence) [\($0.code)]" }
      if check.furtherFindings > 0 { lines.append("error    \(check.furtherFindings) more [more]") }
      let subject = "\(check.blobs) blob\(check.blobs == 1 ? "" : "s"), \(ByteText.decimal(check.bytes))"
      lines.append(errors == 0 ? "sound: \(subject)" : "\(errors) error\(errors == 1 ? "" : "s"); \(subject)")
      try Console.write(lines: lines)
    }
    guard errors == 0 else {
      var failure = ToolFailure(.malformed, code: "check", "")
      failure.isReported = true
      throw failure
    }
  }

  private func salvageIntact(of storage: any Storage, into path: OutputArgument) throws -> ImageSalvage {
    let clock: EditClock = try WriteOptions.sourceDateEpoch().map { .fixed($0) } ?? .automatic
    var salvaged: ImageSalvage?
    do {
      try Evidence.writeImage(to: path.path) { destination throws(SIFError) in
        salvaged = try ImageSalvage(of: storage, into: destination, clock: clock)
      }
    } catch let error as SIFError {
      throw error.naming(image.path)
    }
    guard let salvaged else { throw ToolFailure(.failure, code: "salvage", "nothing was salvaged") }
    return salvaged
  }

  /// Corrects stale counters. An image that cannot be opened stays as it is: the findings say why.
  private func mend(_ reporter: Reporter) throws -> [String] {
    do {
      return try repairCounters()
    } catch {
      guard error.code != .system, error.code != .locked else { throw error }
      reporter.note("nothing was repaired: \(error)")
      return []
    }
  }

  private func repairCounters() throws(SIFError) -> [String] {
    var editor = try ImageEditor(opening: image.path)
    return try editor.repairCounters()
  }

  /// The key, if an option names one. This command never asks for a passphrase.
  private func keySource(_ reporter: Reporter) -> VolumeKeySource? {
    var source = key.source
    source.reporter = reporter
    return source.isNamed ? source : nil
  }

  /// The findings about the image and those about its encrypted partitions, in the order of the file.
  private static func merged(
    _ check: ImageCheck, _ storage: any Storage, _ key: VolumeKeySource?
  ) throws -> [Finding] {
    // Reads the descriptors again only if there is an encrypted partition. An image that cannot be opened has
    // findings that say so.
    guard check.descriptors.contains(where: \.isEncryptedSquashfs),
      let image = try? Image(reading: storage)
    else { return check.findings }
    let more = try image.encryptionFindings(with: key)
    guard !more.isEmpty else { return check.findings }
    return (check.findings + more).enumerated()
      .sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }.map(\.element)
  }

  private func lines(
    of check: ImageCheck, _ findings: [Finding], _ mended: [String], _ salvaged: ImageSalvage?
  ) -> [String] {
    var lines = mended.map { "mended   \($0)" }
    if let salvaged {
      let ids =
        salvaged.kept.isEmpty
        ? "no object" : "object\(salvaged.kept.count == 1 ? "" : "s") \(ByteText.ranges(salvaged.kept))"
      lines.append("salvaged \(ids)")
      lines += salvaged.changes.map { "changed  \($0)" } + salvaged.lost.map { "lost     \($0.sentence)" }
    }
    lines += findings.map { finding in
      "\(finding.severity.rawValue.padded(to: 8)) byte \(finding.offset): \(finding.sentence) [\(finding.code.rawValue)]"
    }
    let counts = Finding.Severity.allCases.reversed().compactMap { severity -> String? in
      let count = findings.count { $0.severity == severity }
      return count == 0 ? nil : "\(count) \(severity.rawValue)\(count == 1 ? "" : "s")"
    }
    let objects = check.descriptors.count
    let subject = "\(objects) object\(objects == 1 ? "" : "s"), \(ByteText.decimal(check.fileSize))"
    lines.append(counts.isEmpty ? "sound: \(subject)" : "\(counts.joined(separator: ", ")); \(subject)")
    return lines
  }
}

extension ImageSalvage {
  fileprivate var json: JSONValue {
    .object([
      JSONMember("kept", .array(kept.map { .integer(Int64($0)) })),
      JSONMember("changes", .array(changes.map { .string($0) })),
      JSONMember(
        "lost",
        .array(
          lost.map { loss in
            .object([
              JSONMember("id", .integer(Int64(loss.id))), JSONMember("sentence", .string(loss.sentence)),
            ])
          })),
    ])
  }
}

extension Finding {
  var json: JSONValue {
    .object([
      JSONMember("code", .string(code.rawValue)), JSONMember("severity", .string(severity.rawValue)),
      JSONMember("offset", .integer(offset)),
      JSONMember("object", objectID.map { .integer(Int64($0)) } ?? .null),
      JSONMember("sentence", .string(sentence)),
    ])
  }
}
