import ArgumentParser
import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import OpenPGP
import SystemPackage

/// Which key ring a `key` command works on.
struct KeyStoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory of the key rings; to list or export, also a single file.",
      discussion:
        "Otherwise SINGULARITY_SYPGPDIR, APPTAINER_KEYSPATH or the runtimes' own in the home directory.",
      valueName: "directory"))
  var keyring: PathArgument?

  @OptionGroup var progress: ProgressOptions

  func store() throws -> KeyStore {
    let store = KeyStore(directory: try directory(), isQuiet: progress.quiet)
    KeyFiles.warnIfOpen(store.directory, secret: true, isQuiet: progress.quiet)
    return store
  }

  /// The rings to read from: none where the runtimes have not made theirs yet; a ring that was named has to be there.
  func rings(secret: Bool) throws -> [FilePath] {
    if let named = keyring?.path {
      try SystemError.check("open", named) { named.withPlatformString { access($0, R_OK) } }
      if !KeyFiles.isDirectory(named) { return [named] }
    }
    return KeyFiles.rings(at: try store().directory, secret: secret).filter(KeyFiles.exists)
  }

  private func directory() throws -> FilePath {
    if let keyring { return keyring.path }
    let directories = KeyFiles.runtimeDirectories
    guard let directory = directories.first(where: KeyFiles.exists) ?? directories.first else {
      throw ToolFailure(.key, code: "no-key", "no key ring: neither --keyring nor HOME is set")
    }
    return directory
  }
}

/// The key rings of a container runtime: `pgp-public` and `pgp-secret`, binary packets one key after the other,
/// readable by their owner alone.
struct KeyStore {
  let directory: FilePath
  let isQuiet: Bool

  func path(secret: Bool) -> FilePath { directory.appending(secret ? "pgp-secret" : "pgp-public") }

  /// The keys of a ring to be written anew; none where it is not there yet.
  ///
  /// - Throws: where not all of it can be read: writing it anew would lose the rest.
  private func entries(secret: Bool) throws -> [RingEntry] {
    let path = path(secret: secret)
    guard KeyFiles.exists(path) else { return [] }
    let (entries, fault) = try Self.entries(in: path)
    if let fault {
      throw ToolFailure(
        .key, code: fault.code.rawValue,
        "\(path.printable): \(fault.description): the ring is left as it is, as the rest of it would be lost")
    }
    return entries
  }

  private static func entries(in path: FilePath) throws -> (entries: [RingEntry], fault: OpenPGPError?) {
    let bytes = try SecretInput.read(path)
    return try RingEntry.read(bytes.span)
  }

  /// The copies of the key whose primary key has a fingerprint, given in hexadecimal, in some rings; at least one.
  static func copies(
    _ fingerprint: String, in rings: [FilePath], secret: Bool, isQuiet: Bool
  ) throws -> [TransferableKey] {
    let wanted = [UInt8](hexadecimalFingerprint: fingerprint)
    var copies: [TransferableKey] = []
    for path in rings {
      let bytes = try SecretInput.read(path)
      if bytes.count == 0 { continue }
      KeyFiles.warnOfSkipped(try KeyFiles.read(bytes, path), path, all: false, isQuiet: isQuiet)
      copies += try TransferableKey.read(bytes.span).filter {
        $0.primary.fingerprint == wanted && ($0.isSecret || !secret)
      }
    }
    guard !copies.isEmpty else { throw noKey(fingerprint, secret: secret) }
    return copies
  }

  private static func noKey(_ fingerprint: String, secret: Bool) -> ToolFailure {
    let kind = secret ? "secret" : "public"
    return ToolFailure(
      .key, code: "no-key", "no \(kind) key has the fingerprint \(Array(fingerprint.utf8).printable)")
  }

  /// Adds keys. A secret key takes the place of its older copy, whose passphrase may be another; a public one is
  /// added to it, so that an old copy never removes a revocation: readers take both together.
  func add(_ new: [TransferableKey], secret: Bool) throws {
    let kept = try entries(secret: secret).filter { entry in
      guard let old = entry.key else { return true }
      return !new.contains {
        $0.primary.fingerprint == old.primary.fingerprint && (secret || $0.publicPackets == old.publicPackets)
      }
    }
    try write(kept, new, secret: secret)
  }

  /// Removes every copy of a key.
  func remove(_ fingerprint: String, secret: Bool) throws {
    let wanted = [UInt8](hexadecimalFingerprint: fingerprint)
    let all = try entries(secret: secret)
    let kept = all.filter { $0.key?.primary.fingerprint != wanted }
    guard kept.count < all.count else { throw Self.noKey(fingerprint, secret: secret) }
    try write(kept, [], secret: secret)
  }

  /// Writes what a ring has already, byte for byte, and new keys behind it.
  private func write(_ kept: [RingEntry], _ new: [TransferableKey], secret: Bool) throws {
    try makeDirectory()
    var file = try ReplacementFile(replacing: path(secret: secret), mode: 0o600)
    _ = fchmod(file.descriptor.rawValue, 0o600)
    var offset: Int64 = 0
    for entry in kept {
      let packets = try entry.copyOfPackets()
      try Self.write(packets.span, to: file, at: &offset)
    }
    for key in new {
      if secret {
        let packets = try key.copyOfPackets()
        try Self.write(packets.span, to: file, at: &offset)
      } else {
        let packets = key.publicPackets
        try Self.write(packets.span, to: file, at: &offset)
      }
    }
    try file.commit()
  }

  private static func write(
    _ bytes: Span<UInt8>, to file: borrowing ReplacementFile, at offset: inout Int64
  ) throws(SystemError) {
    let start = offset
    try bytes.withUnsafeBytes { (buffer) throws(SystemError) in
      try file.descriptor.write(buffer, at: start)
    }
    offset += Int64(bytes.count)
  }

  /// The directory and the one above it: `~/.singularity/keys`.
  private func makeDirectory() throws {
    if KeyFiles.exists(directory), !KeyFiles.isDirectory(directory) {
      throw ToolFailure(
        .system, code: "system", "\(directory.printable) is no directory: key rings are kept in one")
    }
    for path in [directory.removingLastComponent(), directory] where !path.isEmpty && !KeyFiles.exists(path) {
      _ = try SystemError.check("create", path) { path.withPlatformString { mkdir($0, 0o700) } }
    }
  }
}

extension Array<UInt8> {
  /// The bytes of a fingerprint as people write it: blanks and `0x` allowed.
  init(hexadecimalFingerprint text: String) {
    var digits = text.filter { $0 != " " }
    if digits.hasPrefix("0x") { digits = String(digits.dropFirst(2)) }
    self = [UInt8](hexadecimal: digits) ?? []
  }
}
