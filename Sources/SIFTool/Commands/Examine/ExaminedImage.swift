import Bytes
import CommandKit
import Forensics
import SIF
import SystemPackage

/// An examination, with what the command line adds to it: where the image is, and how the tool was called.
@dynamicMemberLookup
struct ExaminedImage {
  let path: FilePath
  /// The command line, as it may be shown.
  let arguments: [String]
  /// Labels, definition file and encryption, if the image can be opened.
  let page: InspectPage?
  private let examination: Examination
  private let isKeyNamed: Bool

  init(
    _ path: PathArgument, _ storage: FileStorage, time: Timestamp?, trust: TrustOptions,
    key: VolumeKeySource, _ reporter: Reporter
  ) throws {
    self.path = path.path
    arguments =
      ["siftool"] + ArgumentBytes.commandLine.map { Array(ArgumentBytes.decode($0).dropLast()).printable }
    isKeyNamed = key.isNamed
    let bar = reporter.bar(total: 3 * (try storage.byteCount))
    let examination = try Examination(
      of: storage, at: time, keys: key.isNamed ? key : nil, progress: { bar.advance(by: $0) },
      verify: { try trust.verify(storage, reporter) })
    bar.clear()
    self.examination = examination
    page = try examination.image.map {
      try InspectPage($0, findings: examination.findings, opened: nil)
    }
  }

  /// The findings of the examination.
  subscript<Value>(dynamicMember member: KeyPath<Examination, Value>) -> Value {
    examination[keyPath: member]
  }

  /// The failure to report: the image is damaged, or a given key opens nothing.
  var failure: ToolFailure? {
    examination.map.damage.map { ToolFailure($0.naming(path)) } ?? firstError
      ?? (isKeyNamed
        ? examination.partitions.lazy.compactMap(\.fault).first { $0.kind == .key }.map { ToolFailure($0) }
        : nil)
  }

  /// The first of the findings that are errors.
  private var firstError: ToolFailure? {
    examination.findings.first { $0.severity == .error }.map { finding in
      var failure = ToolFailure(
        .malformed, code: "check", "\(path.printable): \(finding.sentence)")
      failure.offset = finding.offset
      failure.objectID = finding.objectID
      return failure
    }
  }
}
