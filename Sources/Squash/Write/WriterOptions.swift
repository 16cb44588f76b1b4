/// Options for writing a squashfs.
public struct WriterOptions: Sendable {
  /// The compressor: zstd, gzip, xz or lz4.
  public var compression = Compression.zstd
  /// The compressor's level, or nil for the default: that of the squashfs tools (zstd 15, gzip 9, xz 6), but
  /// for zstd with a shallower search if that costs almost nothing (``Compressor``).
  public var level: Int?
  /// Whether content is stored as it is, because no compressor makes it smaller.
  public var storesContent = false
  /// The size of a data block in bytes: a power of two from 4 KiB to 1 MiB.
  public var blockSize = 128 << 10
  /// The number of threads that compress. The bytes of the image do not depend on it.
  public var threads = 2
  /// The time at which the file system was made, in Unix seconds.
  public var creationTime: UInt32 = 0
  /// The latest time of files, in Unix seconds; later ones become this one.
  public var latestTime: UInt32?
  /// Whether every file belongs to user 0 and group 0.
  public var allRoot = false
  /// Whether extended attributes are kept.
  public var keepsAttributes = true
  /// What files of a directory have in the image and the disk could not hold.
  public var treeAttributes: TreeAttributes?
  /// A file to leave out of a directory: the image itself, if it is made inside.
  public var excluded: FileIdentity?
  /// Called from time to time, from the calling thread.
  public var onProgress: (@Sendable (WriteReport) -> Void)?

  /// The defaults: zstd, blocks of 128 KiB, two threads, owners and attributes unchanged.
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

  /// Refuses values that the writer does not have.
  package func check() throws(SquashError) {
    guard (4096...1 << 20).contains(blockSize), blockSize & (blockSize - 1) == 0 else {
      throw SquashError(
        .invalidArgument, "a block size of \(blockSize): not a power of two from 4 KiB to 1 MiB")
    }
    guard (1...256).contains(threads) else {
      throw SquashError(.invalidArgument, "\(threads) threads; 1 to 256 are possible")
    }
    let levels: ClosedRange<Int>
    switch compression {
    case .gzip: levels = 1...9
    case .zstd: levels = 1...22
    case .xz: levels = 0...9
    case .lz4: levels = Int.min...Int.max
    default:
      throw SquashError(.unsupportedCompression, "cannot write \(compression), only zstd, gzip, xz and lz4")
    }
    guard levels.contains(effectiveLevel) else {
      throw SquashError(.invalidArgument, "level \(effectiveLevel) of \(compression); \(levels) are possible")
    }
  }
}

/// The identity of a file, whatever its name.
public struct FileIdentity: Hashable, Sendable {
  let device: UInt64
  let inode: UInt64

  /// The identity of a file from the numbers of its device and its inode.
  public init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }
}

/// The results of a writer.
public struct WriteReport: Sendable {
  /// The number of inodes in the image.
  public var inodes = 0
  /// The number of bytes of regular files; a file with several names counts once.
  public var contentBytes: Int64 = 0
  /// The length of the image in bytes, with padding to 4 KiB.
  public var imageBytes: Int64 = 0
  /// The number of files whose content the image already had.
  public var duplicates = 0
  /// The number of extended attributes in namespaces that squashfs cannot hold.
  public var droppedAttributes = 0
  /// Entries of the source that the image lacks, mostly tar entries of unsupported types.
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
  /// The time of the last change in Unix seconds; if the format cannot hold it, the nearest time that it can.
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
