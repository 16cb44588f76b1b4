/// How to write a squashfs.
public struct WriterOptions: Sendable {
  /// The compressor: zstd, gzip, xz or lz4.
  public var compression = Compression.zstd
  /// The compressor's level, or nil for the default: that of squashfs tools (zstd 15, gzip 9, xz 6), but for
  /// zstd with a shallower search where that costs next to nothing: see ``Compressor``.
  public var level: Int?
  /// The size of a data block in bytes: a power of two from 4 KiB to 1 MiB.
  public var blockSize = 128 << 10
  /// How many threads compress. The bytes of the image do not depend on it.
  public var threads = 2
  /// When the file system was made, in Unix seconds.
  public var creationTime: UInt32 = 0
  /// Times of files are not later than this, in Unix seconds.
  public var latestTime: UInt32?
  /// Whether every file belongs to user 0 and group 0.
  public var allRoot = false
  /// Whether extended attributes are kept.
  public var keepsAttributes = true
  /// A file that is left out of a directory: the image itself, when it is made inside.
  public var excluded: FileIdentity?
  /// Called now and then, from the calling thread.
  public var onProgress: (@Sendable (WriteReport) -> Void)?

  /// The defaults: zstd, blocks of 128 KiB, two threads, owners and attributes as they are.
  public init() {}

  /// The level that will be used.
  var effectiveLevel: Int {
    if let level { return level }
    switch compression {
    case .gzip: return 9
    case .xz: return 6
    default: return 15
    }
  }

  func check() throws(SquashError) {
    guard (4096...1 << 20).contains(blockSize), blockSize & (blockSize - 1) == 0 else {
      throw SquashError(
        .invalidArgument, "a block size of \(blockSize): not a power of two from 4 KiB to 1 MiB")
    }
    guard (1...256).contains(threads) else { throw SquashError(.invalidArgument, "\(threads) threads") }
    let levels: ClosedRange<Int>
    switch compression {
    case .gzip: levels = 1...9
    case .zstd: levels = 1...22
    case .xz: levels = 0...9
    case .lz4: levels = Int.min...Int.max
    default:
      throw SquashError(.unsupportedCompression, "\(compression) is not written; zstd, gzip, xz and lz4 are")
    }
    guard levels.contains(effectiveLevel) else {
      throw SquashError(.invalidArgument, "level \(effectiveLevel) of \(compression); \(levels) are possible")
    }
  }
}

/// What makes a file the same file, whatever its name.
public struct FileIdentity: Hashable, Sendable {
  var device: UInt64
  var inode: UInt64

  /// The identity of a file by the numbers of its device and its inode.
  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// What a writer has done.
public struct WriteReport: Sendable {
  /// Inodes in the image.
  public var inodes = 0
  /// Bytes of regular files, every name's counted once.
  public var contentBytes: Int64 = 0
  /// The length of the image in bytes, with padding to 4 KiB.
  public var imageBytes: Int64 = 0
  /// Files whose content the image had already.
  public var duplicates = 0
  /// Extended attributes of namespaces that squashfs cannot hold.
  public var droppedAttributes = 0
  /// Things that the source holds and the image does not: unreadable kinds of tar entries, mostly.
  public var skipped: [String] = []

  /// An empty report.
  public init() {}
}

/// The attributes of a file that is written.
public struct FileAttributes: Sendable {
  /// Twelve permission bits.
  public var permissions: UInt16
  /// The owner.
  public var userID: UInt32
  /// The group.
  public var groupID: UInt32
  /// The time of the last change in Unix seconds; what the format cannot hold becomes the nearest it can.
  public var modificationTime: Int64
  /// Extended attributes.
  public var attributes: [ExtendedAttribute]

  /// Attributes from their parts.
  public init(
    permissions: UInt16, userID: UInt32 = 0, groupID: UInt32 = 0, modificationTime: Int64 = 0,
    attributes: [ExtendedAttribute] = []
  ) {
    self.permissions = permissions & 0o7777
    self.userID = userID
    self.groupID = groupID
    self.modificationTime = modificationTime
    self.attributes = attributes
  }
}
