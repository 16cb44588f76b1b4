public import Gcrypt
public import Gocryptfs
public import LUKS
import PEMKeys
public import SIF

/// A key that will open a volume: a passphrase, or random bytes that messages carry to recipients.
public final class NewVolumeKey: Sendable {
  /// The passphrase or key, exactly.
  public let key: SecureBytes
  /// The messages with the key, one for each recipient; none for a passphrase.
  public let messages: [[UInt8]]
  /// Whether the key opens the volume already.
  public let isShared: Bool

  /// A passphrase.
  ///
  /// - Throws: ``PartitionError/Code/noKey`` if it is empty.
  public init(passphrase: consuming SecureBytes) throws(PartitionError) {
    guard passphrase.count > 0 else { throw PartitionError(.noKey, "the passphrase is empty") }
    key = passphrase
    messages = []
    isShared = false
  }

  /// A random key for the owners of private keys: as many bytes as the runtimes use, or the hexadecimal digits of 32
  /// bytes for gocryptfs, which reads a line.
  public init(recipients: [PublicKey], for format: EncryptionFormat = .luks) throws {
    let random: SecureBytes
    switch format {
    case .luks: random = try SecureBytes(randomCount: 64)
    case .gocryptfs: random = try Self.digits(of: try SecureBytes(randomCount: 32))
    }
    messages = try Self.wrap(random, for: recipients)
    isShared = false
    key = random
  }

  /// A key that opens the volume already, for more recipients.
  public init(sharing candidate: VolumeKeyCandidate, with recipients: [PublicKey]) throws {
    let copy = try Self.copy(candidate.key)
    messages = try Self.wrap(copy, for: recipients)
    isShared = true
    key = copy
  }

  private static func digits(of bytes: borrowing SecureBytes) throws -> SecureBytes {
    var text = try SecureBytes(count: 2 * bytes.count)
    var target = text.mutableSpan
    for index in 0..<bytes.count {
      for (place, digit) in [(0, bytes.span[index] >> 4), (1, bytes.span[index] & 0xF)] {
        target[2 * index + place] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
      }
    }
    return text
  }

  private static func copy(_ key: borrowing SecureBytes) throws -> SecureBytes { try key.copy(0..<key.count) }

  private static func wrap(_ key: borrowing SecureBytes, for recipients: [PublicKey]) throws -> [[UInt8]] {
    try recipients.map { try WrappedKey.wrap(key.span, for: $0) }
  }

  /// The header of a new volume that the key opens.
  ///
  /// - Parameter payloadByteCount: how many bytes will be encrypted.
  public func makeVolume(_ options: FormatOptions, payloadByteCount: Int64) throws(LUKSError) -> NewVolume {
    try Self.volume(key, options, payloadByteCount)
  }

  private static func volume(
    _ key: borrowing SecureBytes, _ options: FormatOptions, _ payloadByteCount: Int64
  ) throws(LUKSError) -> NewVolume {
    try NewVolume(options, payloadByteCount: payloadByteCount, key: key.span)
  }

  /// A new configuration of gocryptfs that the key opens, and the key of the files.
  ///
  /// - Throws: ``GocryptfsError/Code/invalidArgument`` if gocryptfs could not read it from a line.
  public func makeConfiguration() throws(GocryptfsError) -> (configuration: Configuration, key: ContentKey) {
    try Self.configuration(key)
  }

  private static func configuration(
    _ key: borrowing SecureBytes
  ) throws(GocryptfsError) -> (configuration: Configuration, key: ContentKey) {
    try Configuration.make(passphrase: key.span, creator: "siftool")
  }

  /// A new key slot for the key.
  public func addSlot(
    to editor: KeySlotEditor, _ cost: KeyDerivationCost
  ) throws(LUKSError) -> HeaderUpdate {
    try Self.add(key, editor, cost)
  }

  private static func add(
    _ key: borrowing SecureBytes, _ editor: KeySlotEditor, _ cost: KeyDerivationCost
  ) throws(LUKSError) -> HeaderUpdate {
    try editor.add(key.span, cost)
  }

  /// Adds the messages to an image, linked to a partition and in its group.
  public func addMessages(
    to editor: inout ImageEditor, for partition: Descriptor
  ) throws(SIFError) -> [Descriptor] {
    let kind = CryptographicMessageMetadata(format: .pem, type: .rsaOAEP)
    let object = NewObject(
      .cryptographicMessage, metadata: .cryptographicMessage(kind), group: partition.group,
      link: .object(partition.id))
    return try editor.add(messages.map { (object, $0) })
  }
}
