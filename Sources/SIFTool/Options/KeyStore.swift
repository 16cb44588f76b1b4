import ArgumentParser
import Gcrypt
import Glibc
import LinuxSystem
import OpenPGP
import SystemPackage

/// Which key ring a `key` command works on.
struct KeyStoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory of the key rings.",
      discussion:
        "Otherwise SINGULARITY_SYPGPDIR, APPTAINER_KEYSPATH or the runtimes' own in the home directory.",
      valueName: "directory"))
  var keyring: PathArgument?

  func store() throws -> KeyStore {
    if let keyring { return KeyStore(directory: keyring.path) }
    let directories = KeyFiles.runtimeDirectories
    guard let directory = directories.first(where: KeyFiles.exists) ?? directories.first else {
      throw ToolFailure(.key, code: "no-key", "no key ring: neither --keyring nor HOME is set")
    }
    return KeyStore(directory: directory)
  }
}

/// The key rings of a container runtime: `pgp-public` and `pgp-secret`, binary packets one key after the other,
/// readable by their owner alone.
struct KeyStore {
  let directory: FilePath

  func path(secret: Bool) -> FilePath { directory.appending(secret ? "pgp-secret" : "pgp-public") }

  /// The keys of a ring; none where it is not there yet.
  func keys(secret: Bool) throws -> [TransferableKey] {
    let path = path(secret: secret)
    guard KeyFiles.exists(path) else { return [] }
    let bytes = try SecretInput.read(path)
    return bytes.count == 0 ? [] : try TransferableKey.read(bytes.span)
  }

  /// The copies of the key whose primary key has a fingerprint, given in hexadecimal; at least one.
  func copies(_ fingerprint: String, secret: Bool) throws -> [TransferableKey] {
    let wanted = [UInt8](hexadecimalFingerprint: fingerprint)
    let copies = try keys(secret: secret).filter { $0.primary.fingerprint == wanted }
    guard !copies.isEmpty else {
      let kind = secret ? "secret" : "public"
      throw ToolFailure(
        .key, code: "no-key", "no \(kind) key has the fingerprint \(Array(fingerprint.utf8).printable)")
    }
    return copies
  }

  /// Adds keys. A secret key takes the place of its older copy, whose passphrase may be another; a public one is
  /// added to it, so that an old copy never removes a revocation: readers take both together.
  func add(_ new: [TransferableKey], secret: Bool) throws {
    let old = try keys(secret: secret)
    let kept = old.filter { old in
      !new.contains {
        $0.primary.fingerprint == old.primary.fingerprint && (secret || $0.publicPackets == old.publicPackets)
      }
    }
    try write(kept + new, secret: secret)
  }

  /// Removes every copy of a key.
  func remove(_ fingerprint: String, secret: Bool) throws {
    let removed = try copies(fingerprint, secret: secret).map(\.primary.fingerprint)
    let kept = try keys(secret: secret).filter { !removed.contains($0.primary.fingerprint) }
    try write(kept, secret: secret)
  }

  private func write(_ keys: [TransferableKey], secret: Bool) throws {
    try makeDirectory()
    var file = try ReplacementFile(replacing: path(secret: secret), mode: 0o600)
    _ = fchmod(file.descriptor.rawValue, 0o600)
    var offset: Int64 = 0
    for key in keys {
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
