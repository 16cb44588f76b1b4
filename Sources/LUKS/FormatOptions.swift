/// The cost of deriving the key of a slot, each time the volume is opened.
public struct KeyDerivationCost: Hashable, Sendable {
  /// A key derivation function of LUKS2.
  public enum Algorithm: String, CaseIterable, Sendable {
    /// Argon2id (RFC 9106).
    case argon2id
    /// Argon2i (RFC 9106).
    case argon2i
    /// PBKDF2 with SHA-256 (RFC 8018).
    case pbkdf2
  }

  /// The function.
  public var algorithm: Algorithm
  /// Argon2: the memory in KiB.
  public var memory: UInt32
  /// Argon2: the passes, at least 4. PBKDF2: the iterations, at least 1000.
  public var time: UInt32
  /// Argon2: the lanes, 1 to 4; the library uses at most as many as there are processors.
  public var lanes: UInt32

  /// Makes a cost from its parts.
  public init(_ algorithm: Algorithm, memory: UInt32, time: UInt32, lanes: UInt32 = 4) {
    self.algorithm = algorithm
    self.memory = memory
    self.time = time
    self.lanes = lanes
  }

  /// Argon2id with 64 MiB. This is close to the second choice of RFC 9106 section 4, which has 3 passes, but
  /// cryptsetup demands at least 4. A machine with little memory can open it, too.
  public static let standard = KeyDerivationCost(.argon2id, memory: 64 << 10, time: 4)

  /// The default cost of an algorithm.
  public static func standard(_ algorithm: Algorithm) -> KeyDerivationCost {
    algorithm == .pbkdf2
      ? KeyDerivationCost(.pbkdf2, memory: 0, time: 1_000_000)
      : KeyDerivationCost(algorithm, memory: 64 << 10, time: 4)
  }

  /// Refuses values that libcryptsetup does not accept.
  ///
  /// - Throws: ``LUKSError/Code/invalidArgument``.
  public func check() throws(LUKSError) {
    switch algorithm {
    case .pbkdf2:
      guard time >= 1000 else {
        throw LUKSError(.invalidArgument, "\(time) iterations of PBKDF2 are too few; the minimum is 1000")
      }
    case .argon2i, .argon2id:
      guard (32...(4 << 20)).contains(memory) else {
        throw LUKSError(.invalidArgument, "\(memory) KiB of memory are not between 32 KiB and 4 GiB")
      }
      guard time >= 4 else {
        throw LUKSError(.invalidArgument, "\(time) passes of Argon2 are too few; the minimum is 4")
      }
    }
  }
}

/// The parameters of a new volume, which is LUKS2 with AES-XTS and a key of 512 bits.
public struct FormatOptions: Hashable, Sendable {
  /// The length of one copy of the header in bytes.
  static let headerBytes: Int64 = 16 << 10
  /// The length of the volume key in bytes.
  static let keyBytes = 64

  /// The offset of the data, in bytes from the start of the volume: a multiple of 4096 from 512 KiB to 128 MiB.
  public var dataOffset: Int64
  /// The number of bytes of a sector: 512, 1024, 2048 or 4096.
  public var sectorSize: Int
  /// The cost of opening the volume.
  public var kdf: KeyDerivationCost
  /// The volume's UUID as text; nil for a random one.
  public var uuid: String?

  /// The offset of the data after a small header, which has room for three key slots.
  public static let smallOffset: Int64 = 1 << 20
  /// The offset of the data in volumes that the runtimes make.
  public static let runtimeOffset: Int64 = 16 << 20

  /// Makes the options.
  public init(
    dataOffset: Int64 = smallOffset, sectorSize: Int = 4096, kdf: KeyDerivationCost = .standard,
    uuid: String? = nil
  ) {
    self.dataOffset = dataOffset
    self.sectorSize = sectorSize
    self.kdf = kdf
    self.uuid = uuid
  }

  /// Refuses values that the format does not allow.
  ///
  /// - Throws: ``LUKSError/Code/invalidArgument``.
  public func check() throws(LUKSError) {
    guard [512, 1024, 2048, 4096].contains(sectorSize) else {
      throw LUKSError(.invalidArgument, "the sector size must be 512, 1024, 2048 or 4096")
    }
    guard dataOffset % 4096 == 0, (512 << 10...128 << 20).contains(dataOffset) else {
      throw LUKSError(
        .invalidArgument, "the data must begin at a multiple of 4096 bytes from 512 KiB to 128 MiB")
    }
    try kdf.check()
  }
}
