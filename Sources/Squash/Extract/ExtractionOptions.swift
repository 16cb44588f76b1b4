/// How to extract.
public struct ExtractionOptions: Sendable {
  /// What to do with files that the destination has already.
  public enum Existing: Sendable {
    /// Fail with `EEXIST`.
    case refuse
    /// Go on with an extraction that was interrupted: regular files of the image's size and time without extended
    /// attributes stay; everything else but directories is replaced.
    case resume
  }

  /// How many threads decompress and write.
  public var threads = 2
  /// What to extract.
  public var selection = PathSelection.all
  /// What to do with files that are there already.
  public var existing = Existing.refuse
  /// Whether to set owners, make device nodes and set all attributes. Otherwise what only a privileged
  /// process may set, set-id bits among it, is left out and given to ``onUnapplied``.
  public var isPrivileged = false
  /// Called for each file with what could not be set on it; never from two threads at once.
  public var onUnapplied: (@Sendable (UnappliedAttributes) -> Void)?
  /// Called now and then, from the calling thread.
  public var onProgress: (@Sendable (ExtractionReport) -> Void)?

  /// The defaults: two threads, everything, into an empty directory, unprivileged.
  public init() {}
}

/// What an extraction could not set on a file: a line of the sidecar manifest.
public struct UnappliedAttributes: Sendable {
  /// The path beneath the destination, as raw bytes.
  public var path: [UInt8]
  /// The type.
  public var type: FileType
  /// All twelve permission bits of the image.
  public var permissions: UInt16
  /// The owner of the image.
  public var userID: UInt32
  /// The group of the image.
  public var groupID: UInt32
  /// The device number, for a node that was not made.
  public var device: DeviceNumber?
  /// The extended attributes that were not set.
  public var attributes: [ExtendedAttribute]
}

/// What an extraction has done.
public struct ExtractionReport: Sendable {
  /// Faults that are kept in full; more are only counted.
  public static let mostFaults = 1000

  /// Files, directories and other entries that are in place.
  public var entries = 0
  /// Bytes of regular files, holes included.
  public var bytes: Int64 = 0
  /// Entries that were there already and stayed.
  public var kept = 0
  /// What was refused, at most ``mostFaults``.
  public var faults: [SquashError] = []
  /// How much was refused.
  public var faultCount = 0

  /// An empty report.
  public init() {}

  /// Counts a fault, and keeps it while there is room.
  mutating func note(_ fault: SquashError) {
    faultCount += 1
    if faults.count < Self.mostFaults { faults.append(fault) }
  }
}
