/// One thing that a check noticed (spec/check.md lists every code).
public struct Finding: Hashable, Sendable {
  /// How bad a finding is.
  public enum Severity: String, Sendable, Comparable, CaseIterable {
    /// Worth knowing; the image is sound.
    case note
    /// Odd or stale; no data is lost, and all readers agree on the image.
    case warning
    /// Data is missing, or readers disagree about what the image is.
    case error

    /// Worse severities are greater.
    public static func < (left: Severity, right: Severity) -> Bool { left.rank < right.rank }

    private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  }

  /// The subject of a finding. Raw values are stable: scripts may compare them.
  public enum Code: String, Sendable, CaseIterable {
    case notSIF = "not-sif"
    case unsupportedVersion = "unsupported-version"
    case headerTruncated = "header-truncated"
    case launchScriptUnterminated = "launch-script-unterminated"
    case launchScriptNotText = "launch-script-not-text"
    case tableMalformed = "table-malformed"
    case tableSize = "table-size"
    case tableTruncated = "table-truncated"
    case tableOverlap = "table-overlap"
    case tableTooLarge = "table-too-large"
    case freeCount = "free-count"
    case dataOffset = "data-offset"
    case dataSize = "data-size"
    case headerArchitecture = "header-architecture"
    case usedByte = "used-byte"
    case unusedSlotNotZero = "unused-slot-not-zero"
    case idZero = "id-zero"
    case idDuplicate = "id-duplicate"
    case idNotSlot = "id-not-slot"
    case groupField = "group-field"
    case typeUnknown = "type-unknown"
    case metadataUnknown = "metadata-unknown"
    case nameUnprintable = "name-unprintable"
    case deprecatedOwner = "deprecated-owner"
    case timeOrder = "time-order"
    case extentImpossible = "extent-impossible"
    case objectTruncated = "object-truncated"
    case objectOverlap = "object-overlap"
    case objectBeforeData = "object-before-data"
    case sizeWithPadding = "size-with-padding"
    case partitionUnaligned = "partition-unaligned"
    case truncated
    case gap
    case paddingNotZero = "padding-not-zero"
    case trailingBytes = "trailing-bytes"
    case primaryDuplicate = "primary-duplicate"
    case primaryMissing = "primary-missing"
    case architectureUnknown = "architecture-unknown"
    case linkToNothing = "link-to-nothing"
    case signatureLink = "signature-link"
    case contentMismatch = "content-mismatch"
    case contentTruncated = "content-truncated"
    case contentUnreadable = "content-unreadable"
    case contentNotJudged = "content-not-judged"
    case encryptedVolume = "encrypted-volume"
    case digestMismatch = "digest-mismatch"
    case unreadable
    case more
  }

  /// The subject.
  public var code: Code
  /// How bad it is.
  public var severity: Severity
  /// The place in the file, in bytes from its start.
  public var offset: Int64
  /// The id of the object concerned.
  public var objectID: UInt32?
  /// One sentence, without a final stop. Bytes of the image appear escaped.
  public var sentence: String

  /// A finding.
  public init(
    _ code: Code, _ severity: Severity, at offset: Int64, object objectID: UInt32? = nil, _ sentence: String
  ) {
    self.code = code
    self.severity = severity
    self.offset = offset
    self.objectID = objectID
    self.sentence = sentence
  }
}

/// Collects findings, at most a fixed number of each code, since a hostile table could cause millions.
struct FindingCollector {
  private static let limit = 100
  private var counts: [Finding.Code: Int] = [:]
  private var kept: [Finding] = []

  mutating func add(
    _ code: Finding.Code, _ severity: Finding.Severity, at offset: Int64, object: UInt32? = nil,
    _ sentence: @autoclosure () -> String
  ) {
    counts[code, default: 0] += 1
    if counts[code, default: 0] <= Self.limit {
      kept.append(Finding(code, severity, at: offset, object: object, sentence()))
    }
  }

  /// The kept findings, in the order of the file, then the number of those left out.
  var findings: [Finding] {
    var result = kept.enumerated()
      .sorted { ($0.element.offset, $0.offset) < ($1.element.offset, $1.offset) }
      .map(\.element)
    for code in Finding.Code.allCases {
      guard let count = counts[code], count > Self.limit else { continue }
      let last = kept.last { $0.code == code }
      result.append(
        Finding(
          .more, last?.severity ?? .note, at: last?.offset ?? 0,
          "\(count - Self.limit) more findings of the kind \(code.rawValue) are not shown"))
    }
    return result
  }
}
