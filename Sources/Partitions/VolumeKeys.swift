import Bytes
public import Gcrypt
public import PEMKeys
public import SIF

/// Gives the keys to try on an encrypted partition. A tool implements it with its options, variables and prompts.
public protocol VolumeKeyProvider {
  /// Whether to derive a key even if that takes very much memory or time.
  var allowsAnyCost: Bool { get }
  /// Whether to open a volume even if its cipher is unusual.
  var allowsAnyCipher: Bool { get }

  /// The keys to try, in this order.
  ///
  /// - Throws: any fault, if no key is given or none is for this partition.
  func candidates(for partition: Descriptor, in image: Image) throws -> [VolumeKeyCandidate]

  /// Called before keys are derived, which may take a while.
  ///
  /// - Parameter cost: what that takes, in words.
  func willUnlock(_ partition: Descriptor, cost: String)
}

extension VolumeKeyProvider {
  /// False: only a cost that this machine can afford.
  public var allowsAnyCost: Bool { false }
  /// False: only the ciphers that container runtimes and cryptsetup use.
  public var allowsAnyCipher: Bool { false }
  /// Does nothing.
  public func willUnlock(_ partition: Descriptor, cost: String) {}

  /// Opens a partition with the first of the keys that fits.
  ///
  /// - Parameters:
  ///   - cost: what deriving the keys takes, in words.
  ///   - check: refuses a cost that is too high for so many keys.
  ///   - body: opens it with one key; throws a fault of the kind ``FaultKind/key`` if the key does not fit.
  func open<Result>(
    _ partition: Descriptor, in image: Image, cost: String, check: (Int) throws -> Void,
    _ body: (VolumeKeyCandidate) throws -> Result
  ) throws -> Result {
    // Once before the user is asked for a passphrase, and again when the number of keys is known.
    if !allowsAnyCost { try check(1) }
    let candidates = try candidates(for: partition, in: image)
    if !allowsAnyCost { try check(candidates.count) }
    willUnlock(partition, cost: cost)
    var last: (any Fault)?
    for candidate in candidates {
      do { return try body(candidate) } catch let fault as any Fault {
        guard fault.kind == .key else { throw fault }
        last = fault
      }
    }
    throw last ?? PartitionError(.noKey, "no key was given")
  }
}

/// No key: an encrypted partition stays closed.
public struct NoVolumeKeys: VolumeKeyProvider {
  /// No key at all.
  public init() {}

  /// Always fails.
  public func candidates(for partition: Descriptor, in image: Image) throws -> [VolumeKeyCandidate] {
    throw PartitionError(.noKey, "partition \(partition.id) is encrypted, and no key was given")
  }
}

/// Keys in memory: a passphrase, or private RSA keys.
public struct VolumeKeys: VolumeKeyProvider {
  private enum Kind {
    case passphrase(VolumeKeyCandidate)
    case privateKeys([(name: String, key: PEMPrivateKey)])
  }

  private let kind: Kind

  /// A passphrase, exactly.
  public init(passphrase: consuming SecureBytes) { kind = .passphrase(VolumeKeyCandidate(passphrase)) }

  /// A passphrase as text.
  ///
  /// - Throws: ``GcryptError`` if no secure memory is left.
  public init(passphrase: String) throws {
    self.init(passphrase: try SecureBytes(copying: passphrase.utf8.span))
  }

  /// Private RSA keys, each with a name for messages.
  public init(privateKeys: [(name: String, key: PEMPrivateKey)]) { kind = .privateKeys(privateKeys) }

  /// The passphrase, or the keys that the private keys unwrap.
  public func candidates(for partition: Descriptor, in image: Image) throws -> [VolumeKeyCandidate] {
    switch kind {
    case .passphrase(let candidate): [candidate]
    case .privateKeys(let keys): try image.unwrapKeys(for: partition) { keys }
    }
  }
}

/// A key that may open a volume, and the message that held it.
public final class VolumeKeyCandidate: Sendable {
  /// The passphrase or key, exactly.
  public let key: SecureBytes
  /// The id of the cryptographic message that it came in; nil for a passphrase.
  public let message: UInt32?

  /// A key, and the message that it came in.
  public init(_ key: consuming SecureBytes, message: UInt32? = nil) {
    self.key = key
    self.message = message
  }
}

extension Image {
  /// The messages that hold a partition's key, encrypted with RSA-OAEP, in the order of the table.
  public func wrappedKeys(for partition: Descriptor) -> [Descriptor] {
    objects(linkedTo: .object(partition.id)).filter { object in
      guard case .cryptographicMessage(let message) = object.metadata else { return false }
      return message.type == .rsaOAEP
    }
  }

  /// The keys of a partition that private keys open, each with the message that it came in.
  ///
  /// - Parameter keys: the keys, each with a name for messages; called only if there is a message.
  /// - Throws: ``PartitionError/Code/noMessage`` if no message belongs to the partition;
  ///   ``PartitionError/Code/wrongKey`` if none of them is for one of the keys; what `keys` throws.
  public func unwrapKeys(
    for partition: Descriptor, with keys: () throws -> [(name: String, key: PEMPrivateKey)]
  ) throws -> [VolumeKeyCandidate] {
    let messages = wrappedKeys(for: partition)
    guard !messages.isEmpty else {
      throw PartitionError(
        .noMessage, "no cryptographic message is linked to partition \(partition.id): no RSA key opens it")
    }
    var found: [VolumeKeyCandidate] = []
    var reason = ""
    for (name, key) in try keys() {
      for message in messages {
        do {
          found.append(VolumeKeyCandidate(try unwrap(message, with: key), message: message.id))
        } catch let error as PEMError {
          reason = "\(name), object \(message.id): \(error.what)"
        }
      }
    }
    guard !found.isEmpty else {
      throw PartitionError(
        .wrongKey,
        messages.count == 1
          ? reason : "none of the \(messages.count) messages of partition \(partition.id) is for the key")
    }
    return found
  }

  private func unwrap(_ message: Descriptor, with key: PEMPrivateKey) throws -> SecureBytes {
    guard message.size <= WrappedKey.maximumBytes else {
      throw PEMError(.tooLarge, "a message of \(message.size) bytes")
    }
    let text = try bytes(of: message).prefix(WrappedKey.maximumBytes)
    return try WrappedKey.unwrap(text.span, with: key.key)
  }
}
