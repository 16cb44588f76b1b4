import Bytes
import CommandKit
import Forensics
import Glibc
import SIF
import Squash
import StrictJSON

/// Digests, written as they come: as a list in sha256sum's form, as JSON, or as a comparison with an earlier list.
final class HashListing {
  enum Form {
    case text
    case lines
    case document
  }

  /// The kind of thing that a digest is of.
  enum Kind: String {
    case file
    case object
    case content
  }

  private let form: Form
  let reporter: Reporter
  private let output: OutputBuffer
  private let stream: JSONStream
  private let isTerminal = Console.isTerminal(STDOUT_FILENO)
  private var counts: [HashChange: Int] = [:]
  /// The list to compare with.
  var earlier: EarlierHashes?
  /// The change of a name in the list that was not found; nil if it was not asked for.
  var changeOfUnmet: ([UInt8]) -> HashChange? = { _ in .missing }
  /// Names of the list that were not asked for.
  private var unwanted = 0
  /// The parts that could not be hashed.
  var faults = EvidenceFaults()
  /// The partitions whose files are left out.
  private var leftOut: [LeftOutPartition] = []
  /// The bytes that were hashed as zeros without being read.
  var holeBytes: Int64 = 0

  init(_ form: Form, _ algorithm: DigestName, _ reporter: Reporter) {
    self.form = form
    self.reporter = reporter
    let output = OutputBuffer()
    self.output = output
    let known = [JSONMember("algorithm", .string(algorithm.name))]
    stream = JSONStream(list: "digests", around: known, isDocument: form == .document) {
      (bytes) throws(ToolFailure) in try output.append(raw: bytes)
    }
  }

  /// Whether something differs from the earlier list.
  var hasDifferences: Bool { counts.contains { $0.key != .same && $0.value > 0 } }

  /// Says that the files of a partition are left out.
  func leaveOut(_ partition: LeftOutPartition) throws {
    leftOut.append(partition)
    if form == .lines { try stream.add([JSONMember("unread", partition.json)]) }
  }

  /// Adds a digest; nil for something that could not be read.
  func add(
    _ kind: Kind, _ object: Descriptor?, path: [UInt8]?, _ name: [UInt8], size: Int64, _ digest: [UInt8]?
  ) throws {
    let met = earlier?.meet(name, digest)
    if let met { counts[met.change, default: 0] += 1 }
    guard form == .text else {
      var members = [
        JSONMember("digest", digest.map { .string($0.hexadecimal) } ?? .null),
        JSONMember("kind", .string(kind.rawValue)),
        JSONMember("object", object.map { .integer(Int64($0.id)) } ?? .null),
        JSONMember("size", .integer(size)),
      ]
      members += name.members("name")
      if let path { members += ([0x2F] + path).members("path") }
      if let met { members += change(met.change, met.earlier) }
      return try stream.add(members)
    }
    if let met { return try say(met.change, name) }
    guard let digest else { return }
    // sha256sum has no escapes but those of the list: a file gets the name as it is.
    if isTerminal {
      try output.append(line: "\(digest.hexadecimal)  \(name.escapedName)")
    } else {
      try output.append(raw: HashList.line(digest, name))
    }
  }

  private func change(_ change: HashChange, _ earlier: [UInt8]?) -> [JSONMember] {
    [
      JSONMember("change", .string(change.rawValue)),
      JSONMember("earlier", earlier.map { .string($0.hexadecimal) } ?? .null),
    ]
  }

  private func say(_ change: HashChange, _ name: [UInt8]) throws {
    try output.append(line: "\(change.text.padded(to: 8)) \(name.escapedName)")
  }

  /// Ends the listing with the missing names and the counts.
  func end(_ failure: ToolFailure?) throws {
    if failure == nil { try addMissing() }
    var rest = [faults.member, JSONMember("holeBytes", .integer(holeBytes))]
    if earlier != nil {
      rest.append(
        JSONMember(
          "summary",
          .object(
            HashChange.allCases.map {
              JSONMember($0 == .notRead ? "notRead" : $0.rawValue, .integer(Int64(counts[$0] ?? 0)))
            })))
    }
    rest.append(JSONMember("unread", .array(leftOut.map(\.json))))
    if let failure { rest.append(JSONMember("error", failure.json)) }
    try stream.end(rest)
    try output.flush()
    if holeBytes > 0, failure == nil {
      reporter.note(
        "\(ByteText.decimal(holeBytes)) of holes were hashed as zeros without being read")
    }
    if earlier != nil, failure == nil {
      let parts = HashChange.allCases.map { "\(counts[$0] ?? 0) \($0.text)" }
      reporter.note("\(parts.joined(separator: ", "))")
      if unwanted > 0 {
        reporter.note(
          "\(unwanted) name\(unwanted == 1 ? "" : "s") of the list \(unwanted == 1 ? "was" : "were") not asked for"
        )
      }
    }
  }

  private func addMissing() throws {
    for (name, digest) in earlier?.missing ?? [] {
      guard let met = changeOfUnmet(name) else {
        unwanted += 1
        continue
      }
      counts[met, default: 0] += 1
      guard form != .text else {
        try say(met, name)
        continue
      }
      try stream.add(
        [
          JSONMember("digest", .null), JSONMember("kind", .null), JSONMember("object", .null),
          JSONMember("size", .null),
        ] + name.members("name") + change(met, digest))
    }
  }
}

extension [UInt8] {
  /// Members for a text. If it is not UTF-8, its bytes are beside it.
  func members(_ key: String) -> [JSONMember] {
    var members = [JSONMember(key, .string(String(decoding: self, as: UTF8.self)))]
    if String(validating: self, as: UTF8.self) == nil {
      members.append(JSONMember("\(key)Bytes", .string(hexadecimal)))
    }
    return members
  }
}
