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

  /// Whether the public ring is that of all users of the machine, which everybody can read.
  private let isMachine: Bool

  /// The rings in a directory.
  public init(_ directory: FilePath) {
    self.directory = directory
    isMachine = false
  }

  /// The ring of public keys for all users of this machine: that of the runtime that is installed here.
  public static var machine: KeyStore {
    let rings = KeyRingFiles.machineRings
    let used =
      rings.first(where: KeyRingFiles.exists)
      ?? rings.first { KeyRingFiles.isDirectory($0.removingLastComponent()) } ?? rings[0]
    return KeyStore(machine: used.removingLastComponent())
  }

  private init(machine directory: FilePath) {
    self.directory = directory
    isMachine = true
  }

  /// The file of a ring.
  ///
  /// - Parameter secret: whether to return the ring with the secret keys.
  public func path(secret: Bool) -> FilePath {
    directory.appending(secret ? "pgp-secret" : isMachine ? KeyRingFiles.machineName : "pgp-public")
  }

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

  /// Whether the public ring has each of some keys, packet for packet.
  public func contains(_ keys: [TransferableKey]) throws(KeyError) -> Bool {
    let stored = Set(try entries(secret: false).compactMap { $0.key?.publicPackets })
    return keys.allSatisfy { stored.contains($0.publicPackets) }
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

  /// What a file of keys gave to the rings.
  public struct Import: Sendable {
    /// The keys that were added.
    public fileprivate(set) var keys: [TransferableKey] = []
    /// The primary keys of the rings that got a revocation, or another signature about them.
    public fileprivate(set) var revoked: [PublicKeyPacket] = []
  }

  /// Adds the keys in a file: secret keys to both rings. Revocation certificates are added to the keys that they revoke.
  ///
  /// - Parameters:
  ///   - file: OpenPGP keys in any form: armored, binary, or a GnuPG keybox.
  ///   - notice: called with warnings about skipped faults.
  public func add(
    keysIn file: FilePath, _ notice: (KeyNotice) -> Void = { _ in }
  ) throws(KeyError) -> Import {
    let bytes = try KeyError.reading(try SecretFile.read(file))
    let ring = try KeyRing(reading: bytes, of: file)
    ring.noticeFaults(file, all: true, notice)
    var result = Import()
    if !ring.certificates.isEmpty { result.keys = try Self.keys(in: bytes) }
    let secret = result.keys.filter(\.isSecret)
    if !secret.isEmpty { try add(secret, secret: true) }
    if !result.keys.isEmpty { try add(result.keys, secret: false) }
    for loose in ring.looseSignatures {
      result.revoked.append(try add(loose, from: file))
    }
    return result
  }

  /// Adds a signature to each copy of the key that it is about.
  private func add(_ loose: LooseSignature, from file: FilePath) throws(KeyError) -> PublicKeyPacket {
    if let reason = loose.unreadableReason {
      let what = "the revocation of key \(loose.issuerText) cannot be verified: \(reason)"
      throw .contents(OpenPGPError(.malformedPacket, what), of: file.printable)
    }
    var primary: PublicKeyPacket?
    var isNamed = false
    for secret in [false, true] {
      var isChanged = false
      var entries = try entries(secret: secret)
      for (index, entry) in entries.enumerated() {
        guard let key = entry.key, loose.claimsIssuer(key.primary) else { continue }
        isNamed = true
        guard let changed = try KeyError.openPGP(try entry.adding(loose)) else { continue }
        entries[index] = changed
        primary = key.primary
        isChanged = true
      }
      if isChanged { try write(entries, [], secret: secret) }
    }
    if let primary { return primary }
    guard isNamed else { throw .noKeyToRevoke(loose.issuerText, in: file, directory) }
    let what =
      "the revocation was not made by key \(loose.issuerText), or is about another part than the key has"
    throw .contents(OpenPGPError(.malformedPacket, what), of: file.printable)
  }

  /// Adds keys to a ring. A secret key replaces its older copy, which may have another passphrase. A public key is
  /// added to its older copies, since an old copy must not remove a revocation: readers take all of them together.
  public func add(_ new: [TransferableKey], secret: Bool) throws(KeyError) {
    // Public copies are replaced only by the same packets.
    let replaced = Set(new.map { secret ? $0.primary.fingerprint : $0.publicPackets })
    let kept = try entries(secret: secret).filter { entry in
      guard let old = entry.key else { return true }
      return !replaced.contains(secret ? old.primary.fingerprint : old.publicPackets)
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
    let mode: mode_t = isMachine && !secret ? 0o644 : 0o600
    var file = try KeyError.system(try ReplacementFile(replacing: path(secret: secret), mode: mode))
    _ = fchmod(file.descriptor.rawValue, mode)
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
        _ = try SystemError.check("create", path) {
          path.withPlatformString { mkdir($0, isMachine ? 0o755 : 0o700) }
        }
      } catch {
        // Another process may have made it meanwhile.
        if error.errno == .fileExists, KeyRingFiles.isDirectory(path) { continue }
        throw .fault(error)
      }
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
