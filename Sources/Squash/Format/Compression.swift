/// The compressor of a squashfs (superblock, bytes 20–21).
public struct Compression: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The number in the superblock.
  public let rawValue: UInt16

  /// A compressor by its number; unknown numbers are kept.
  public init(rawValue: UInt16) { self.rawValue = rawValue }

  /// zlib streams.
  public static let gzip = Compression(rawValue: 1)
  /// LZMA-alone streams.
  public static let lzma = Compression(rawValue: 2)
  /// LZO1X.
  public static let lzo = Compression(rawValue: 3)
  /// XZ streams.
  public static let xz = Compression(rawValue: 4)
  /// LZ4 blocks.
  public static let lz4 = Compression(rawValue: 5)
  /// Zstandard frames.
  public static let zstd = Compression(rawValue: 6)

  /// The name that squashfs tools use, or `unknown-N`.
  public var description: String {
    switch self {
    case .gzip: "gzip"
    case .lzma: "lzma"
    case .lzo: "lzo"
    case .xz: "xz"
    case .lz4: "lz4"
    case .zstd: "zstd"
    default: "unknown-\(rawValue)"
    }
  }

  /// The compressor with a name, if it can be written too: zstd, gzip, xz or lz4.
  public init?(name: String) {
    guard let found = [Compression.zstd, .gzip, .xz, .lz4].first(where: { $0.description == name }) else {
      return nil
    }
    self = found
  }
}
