import CommandKit
import Forensics
import Gcrypt
import Glibc
import SIF
import Squash
import StrictJSON

/// Times, written as they come: as a body file, JSON, or DFXML.
final class TimelineListing {
  enum Form {
    case body
    case lines
    case document
    case dfxml
  }

  /// The most byte runs that a file is listed with.
  private static let mostRuns = 4096

  private let form: Form
  private let digest: DigestName
  private let output: OutputBuffer
  private let stream: JSONStream
  private var isBegun = false
  private var volumeOffset: Int64?
  private(set) var volumes = 0
  private var files = 0
  /// The parts that could not be read.
  var faults = EvidenceFaults()
  /// The partitions whose files are left out.
  private var leftOut: [LeftOutPartition] = []

  init(_ form: Form, _ digest: DigestName) {
    self.form = form
    self.digest = digest
    let output = OutputBuffer()
    self.output = output
    stream = JSONStream(list: "entries", isDocument: form == .document) { (bytes) throws(ToolFailure) in
      try output.append(raw: bytes)
    }
  }

  /// The algorithm that contents are hashed with, if they are.
  var algorithm: HashAlgorithm? { form == .dfxml ? digest.algorithm : nil }

  func begin(_ image: [UInt8]) throws {
    guard form == .dfxml else { return }
    isBegun = true
    try output.append(raw: DFXML.start(program: "siftool", version: ToolVersion.number, image: image))
  }

  /// Adds something that has times.
  func add(_ entry: TimelineEntry, object: Descriptor?, path: [UInt8]?) throws {
    switch form {
    case .dfxml: break
    case .body: try output.append(raw: entry.bodyLine)
    case .lines, .document: try stream.add(Self.members(entry, object, path))
    }
  }

  private static func members(
    _ entry: TimelineEntry, _ object: Descriptor?, _ path: [UInt8]?
  ) -> [JSONMember] {
    func time(_ time: Timestamp?) -> JSONValue { time.map { .string($0.iso8601) } ?? .null }
    var members = [
      JSONMember("createdAt", time(entry.createdAt)), JSONMember("groupId", .integer(entry.groupID)),
      JSONMember("inode", .integer(entry.inode)), JSONMember("kind", .string(entry.kind.rawValue)),
      JSONMember("mode", .string(entry.mode)), JSONMember("modifiedAt", time(entry.modifiedAt)),
      JSONMember("object", object.map { .integer(Int64($0.id)) } ?? .null),
      JSONMember("size", .integer(entry.size)), JSONMember("userId", .integer(entry.userID)),
    ]
    members += entry.name.members("name")
    if let path { members += ([0x2F] + path).members("path") }
    if let target = entry.target { members += target.members("target") }
    return members
  }

  /// Says that the files of a partition are left out.
  ///
  /// - Parameter offset: its offset in the image.
  func leaveOut(_ partition: LeftOutPartition, at offset: Int64) throws {
    leftOut.append(partition)
    switch form {
    case .body, .document: break
    case .lines: try stream.add([JSONMember("unread", partition.json)])
    case .dfxml:
      volumes += 1
      try output.append(raw: DFXML.unreadVolume(offset: offset, error: partition.message))
    }
  }

  func beginVolume(_ squash: SquashImage, at offset: Int64?) throws {
    guard form == .dfxml else { return }
    volumes += 1
    volumeOffset = offset
    try output.append(raw: DFXML.volumeStart(squash.superblock, offset: offset))
  }

  func endVolume() throws {
    if form == .dfxml { try output.append(raw: DFXML.volumeEnd) }
  }

  /// Adds a file of a partition.
  func add(_ hashed: HashedEntry, _ object: Descriptor, _ name: [UInt8], _ reader: SquashReader) throws {
    let entry = hashed.entry
    guard form == .dfxml else {
      return try add(TimelineEntry(entry, name: name), object: object, path: entry.path)
    }
    files += 1
    var runs: [StoredRun]?
    if let layout = entry.inode.layout, layout.size > 0, hashed.fault == nil {
      runs = try? reader.storedRuns(of: layout, limit: Self.mostRuns)
    }
    try output.append(
      raw: DFXML.file(
        entry, partition: volumes, id: files, digest: hashed.digest.map { (digest.name, $0) }, runs: runs,
        offset: volumeOffset))
  }

  /// Adds an object to DFXML.
  func add(_ object: Descriptor, _ name: [UInt8], range: Range<Int64>?, digest value: [UInt8]?) throws {
    files += 1
    try output.append(
      raw: DFXML.object(object, name: name, id: files, range: range, digest: value.map { (digest.name, $0) }))
  }

  /// Ends the listing. A document also says what went wrong.
  func end(_ failure: ToolFailure?) throws {
    if isBegun { try output.append(raw: DFXML.end) }
    var rest = [faults.member, JSONMember("unread", .array(leftOut.map(\.json)))]
    if let failure { rest.append(JSONMember("error", failure.json)) }
    try stream.end(rest)
    try output.flush()
  }
}
