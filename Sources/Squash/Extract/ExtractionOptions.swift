/// Options of an extraction.
public struct ExtractionOptions: Sendable {
  /// The treatment of files that the destination has already.
  public enum Existing: Sendable {
    /// Fail with `EEXIST`.
    case refuse
    /// Continue an interrupted extraction: regular files stay if they have the image's size and time and no
    /// extended attributes there; everything else except directories is replaced.
    case resume
  }

  /// The number of threads that decompress and write.
  public var threads = 2
  /// The paths to extract.
  public var selection = PathSelection.all
  /// The treatment of existing files.
  public var existing = Existing.refuse
  /// Whether to set owners, make device nodes and set all attributes. Otherwise everything that needs
  /// privilege, set-id bits included, is left out and reported to ``onUnapplied``.
  public var isPrivileged = false
  /// Called for each file with the attributes that could not be set on it; never from two threads at once.
  public var onUnapplied: (@Sendable (UnappliedAttributes) -> Void)?
  /// Called from time to time, from the calling thread.
  public var onProgress: (@Sendable (ExtractionReport) -> Void)?

  /// The defaults: two threads, everything, into an empty directory, unprivileged.
  public init() {}
}

/// The attributes that an extraction could not set on a file: a line of the sidecar manifest.
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
  /// The device number, if the node was not made.
  public var device: DeviceNumber?
  /// The extended attributes that were not set.
  public var attributes: [ExtendedAttribute]
}

/// The results of an extraction.
public struct ExtractionReport: Sendable {
  /// The most faults that are kept; further ones are only counted.
  public static let mostFaults = 1000

  /// The number of files, directories and other entries that are in place.
  public var entries = 0
  /// Bytes of regular files, holes included.
  public var bytes: Int64 = 0
  /// The number of entries that existed already and stayed.
  public var kept = 0
  /// The refused entries, at most ``mostFaults``.
  public var faults: [SquashError] = []
  /// The number of refused entries.
  public var faultCount = 0
  /// The patterns of the selection that match nothing in the image, as they were given.
  public var unmatched: [[UInt8]] = []

  /// An empty report.
  public init() {}

  /// Counts a fault, and keeps it while there is room.
  mutating func note(_ fault: SquashError) {
    faultCount += 1
    if faults.count < Self.mostFaults { faults.append(fault) }
  }
}
