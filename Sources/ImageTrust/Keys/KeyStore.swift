import Bytes
import Gcrypt
import Glibc
import LinuxSystem
public import OpenPGP
public import SystemPackage

/// The key rings of a container runtime: `pgp-public` and `pgp-secret`, files of binary packets that only their owner
/// can read.
public struct KeyStore: Sendable {
  /// The directory of the rings. It is made when the first key is added.
  public let directory: FilePath

  /// The rings in a directory.
  public init(_ directory: FilePath) { self.directory = directory }

  /// The file of a ring.
  ///
  /// - Parameter secret: whether to return the ring with the secret keys.
  public func path(secret: Bool) -> FilePath { directory.appending(secret ? "pgp-secret" : "pgp-public") }

  // MARK: Finding

  /// The copies in some rings of the key whose primary key has a fingerprint; at least one.
  ///
  /// - Parameters:
  ///   - fingerprint: hexadecimal digits.
  ///   - rings: files with keys.
  ///   - secret: whether to return only copies with the secret key.
  ///   - notice: called with warnings about skipped faults.
  public static func copies(
    of fingerprint: String, in rings: [FilePath], secret: Bool, _ notice: (KeyNotice) -> Void = { _ in }
  ) throws(KeyError) -> [TransferableKey] {
    let wanted = Fingerprint.bytes(fingerprint)
    var copies: [TransferableKey] = []
    for path in rings {
      let bytes = try KeyError.reading(try SecretFile.read(path))
      if bytes.count == 0 { continue }
      try KeyRing(reading: bytes, of: path).noticeFaults(path, all: false, notice)
      let keys = try KeyStore.keys(in: bytes)
      copies += keys.filter { $0.primary.fingerprint == wanted && ($0.isSecret || !secret) }
    }
    guard !copies.isEmpty else { throw .notStored(fingerprint: fingerprint, isSecret: secret) }
    return copies
  }

  private static func keys(in bytes: borrowing SecureBytes) throws(KeyError) -> [TransferableKey] {
    do throws(OpenPGPError) { return try TransferableKey.read(bytes.span) } catch { throw .fault(error) }
  }

  // MARK: Changing

  /// Adds a new key to both rings.
  public func add(_ made: borrowing GeneratedKey) throws(KeyError) {
    let packets: SecureBytes
    do throws(OpenPGPError) { packets = try made.secretPackets() } catch { throw .fault(error) }
    let keys = try Self.keys(in: packets)
    try add(keys, secret: true)
    try add(keys, secret: false)
  }

  /// Adds the keys in a file: secret keys to both rings.
  ///
  /// - Parameters:
  ///   - file: OpenPGP keys in any form: armored, binary, or a GnuPG keybox.
  ///   - notice: called with warnings about skipped faults.
  /// - Returns: the keys that were added.
  public func add(
    keysIn file: FilePath, _ notice: (KeyNotice) -> Void = { _ in }
  ) throws(KeyError) -> [TransferableKey] {
    let bytes = try KeyError.reading(try SecretFile.read(file))
    try KeyRing(reading: bytes, of: file).noticeFaults(file, all: true, notice)
    let keys = try Self.keys(in: bytes)
    let secret = keys.filter(\.isSecret)
    if !secret.isEmpty { try add(secret, secret: true) }
    try add(keys, secret: false)
    return keys
  }

  /// Adds keys to a ring. A secret key replaces its older copy, which may have another passphrase. A public key is
  /// added to its older copies, since an old copy must not remove a revocation: readers take all of them together.
  public func add(_ new: [TransferableKey], secret: Bool) throws(KeyError) {
    let kept = try entries(secret: secret).filter { entry in
      guard let old = entry.key else { return true }
      return !new.contains {
        $0.primary.fingerprint == old.primary.fingerprint && (secret || $0.publicPackets == old.publicPackets)
      }
    }
    try write(kept, new, secret: secret)
  }

  /// Removes every copy of a key from a ring.
  ///
  /// - Parameter fingerprint: the fingerprint of the primary key, in hexadecimal digits.
  public func remove(_ fingerprint: String, secret: Bool) throws(KeyError) {
    let wanted = Fingerprint.bytes(fingerprint)
    let all = try entries(secret: secret)
    let kept = all.filter { $0.key?.primary.fingerprint != wanted }
    guard kept.count < all.count else { throw .notStored(fingerprint: fingerprint, isSecret: secret) }
    try write(kept, [], secret: secret)
  }

  /// The keys of a ring that is to be rewritten; none if it does not exist yet.
  private func entries(secret: Bool) throws(KeyError) -> [RingEntry] {
    let path = path(secret: secret)
    guard KeyRingFiles.exists(path) else { return [] }
    let bytes = try KeyError.reading(try SecretFile.read(path))
    let entries: [RingEntry]
    let fault: OpenPGPError?
    do throws(OpenPGPError) { (entries, fault) = try RingEntry.read(bytes.span) } catch {
      throw .fault(error)
    }
    // To write only the entries that were read would lose the rest.
    if let fault { throw .brokenRing(path, fault) }
    return entries
  }

  /// Writes the existing entries of a ring, byte for byte, and new keys after them.
  private func write(_ kept: [RingEntry], _ new: [TransferableKey], secret: Bool) throws(KeyError) {
    try makeDirectory()
    var file = try KeyError.system(try ReplacementFile(replacing: path(secret: secret), mode: 0o600))
    _ = fchmod(file.descriptor.rawValue, 0o600)
    var offset: Int64 = 0
    for entry in kept {
      let packets = try KeyError.openPGP(try entry.copyOfPackets())
      try Self.write(packets.span, to: file, at: &offset)
    }
    for key in new {
      if secret {
        let packets = try KeyError.openPGP(try key.copyOfPackets())
        try Self.write(packets.span, to: file, at: &offset)
      } else {
        let packets = key.publicPackets
        try Self.write(packets.span, to: file, at: &offset)
      }
    }
    do throws(SystemError) { try file.commit() } catch { throw .fault(error) }
  }

  private static func write(
    _ bytes: Span<UInt8>, to file: borrowing ReplacementFile, at offset: inout Int64
  ) throws(KeyError) {
    let start = offset
    do throws(SystemError) {
      try bytes.withUnsafeBytes { (buffer) throws(SystemError) in
        try file.descriptor.write(buffer, at: start)
      }
    } catch { throw .fault(error) }
    offset += Int64(bytes.count)
  }

  /// Makes the directory and the one above it: `~/.singularity/keys`.
  private func makeDirectory() throws(KeyError) {
    if KeyRingFiles.exists(directory), !KeyRingFiles.isDirectory(directory) { throw .notDirectory(directory) }
    for path in [directory.removingLastComponent(), directory]
    where !path.isEmpty && !KeyRingFiles.exists(path) {
      do throws(SystemError) {
        _ = try SystemError.check("create", path) { path.withPlatformString { mkdir($0, 0o700) } }
      } catch { throw .fault(error) }
    }
  }
}

/// Fingerprints as people write them.
enum Fingerprint {
  /// The bytes of a fingerprint in hexadecimal digits, with or without blanks and `0x`; none if it is anything else.
  static func bytes(_ text: String) -> [UInt8] {
    var digits = text.filter { $0 != " " }
    if digits.hasPrefix("0x") { digits = String(digits.dropFirst(2)) }
    return Hexadecimal.bytes(digits.utf8) ?? []
  }
}
