import Gcrypt

/// The encryption of a volume's data: a name such as `aes-xts-plain64`, and the length of the key.
public struct VolumeCipher: Hashable, Sendable {
  /// Cipher, mode and vector, as the header names them.
  public let name: String
  /// The number of bits of the volume key.
  public let keyBits: Int

  let algorithm: CipherAlgorithm
  let mode: SectorMode
  /// The number of bytes of a sector's number in its vector.
  let numberBytes: Int

  /// Whether this is the cipher of all known runtimes, AES in XTS mode with a key of 256 or 512 bits. Others
  /// are only opened if that is allowed.
  public var isUsual: Bool { name == "aes-xts-plain64" }

  /// Finds the cipher for a name.
  ///
  /// - Throws: ``LUKSError/Code/nullCipher`` if the name stands for no encryption, ``LUKSError/Code/cipher``
  ///   if this module does not support it.
  init(name: String, keyBytes: Int) throws(LUKSError) {
    let parts = name.split(separator: "-", omittingEmptySubsequences: false)
    if parts.first == "cipher_null" || name == "null" {
      throw LUKSError(.nullCipher, "the volume is not encrypted: its cipher is the null cipher")
    }
    guard parts.count == 3 else { throw Self.unknown(name, keyBytes) }
    let (mode, numberBytes): (SectorMode, Int)
    switch (parts[1], parts[2]) {
    case ("xts", "plain64"): (mode, numberBytes) = (.xts, 8)
    case ("xts", "plain"): (mode, numberBytes) = (.xts, 4)
    case ("cbc", "plain64"): (mode, numberBytes) = (.cbc, 8)
    case ("cbc", "plain"): (mode, numberBytes) = (.cbc, 4)
    case ("cbc", "essiv:sha256"): (mode, numberBytes) = (.cbcESSIV, 8)
    default: throw Self.unknown(name, keyBytes)
    }
    let found: CipherAlgorithm? =
      switch (parts[0], mode == .xts ? keyBytes / 2 : keyBytes) {
      case ("aes", 16): .aes128
      case ("aes", 24) where mode != .xts: .aes192
      case ("aes", 32): .aes256
      case ("serpent", 16): .serpent128
      case ("serpent", 32): .serpent256
      case ("twofish", 16): .twofish128
      case ("twofish", 32): .twofish
      case ("camellia", 16): .camellia128
      case ("camellia", 32): .camellia256
      default: nil
      }
    guard let found, mode != .xts || keyBytes % 2 == 0 else { throw Self.unknown(name, keyBytes) }
    self.name = name
    keyBits = keyBytes * 8
    algorithm = found
    self.mode = mode
    self.numberBytes = numberBytes
  }

  private static func unknown(_ name: String, _ keyBytes: Int) -> LUKSError {
    LUKSError(.cipher, "the cipher \(name) with a key of \(keyBytes * 8) bits is not supported")
  }
}
