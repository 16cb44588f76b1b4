import Bytes
public import Gcrypt
public import OpenPGP
import PEMKeys
public import SIF
public import SystemPackage

/// A private key that is locked by a passphrase, by the name that users know.
public enum LockedKey: Hashable, Sendable {
  /// An OpenPGP key, by its key ID.
  case openPGP(keyID: String)
  /// The PEM key in a file, or in something else that has a name.
  case pem(file: String)
}

/// Knows passphrases, or asks the user for them. A tool implements it.
public protocol PassphraseProvider {
  /// The passphrase of a private key; nil if it is not available.
  func passphrase(for key: LockedKey) throws -> SecureBytes?
}

/// No passphrase: a locked key stays locked.
public struct NoPassphrases: PassphraseProvider {
  /// No passphrase at all.
  public init() {}

  /// Always nil.
  public func passphrase(for key: LockedKey) -> SecureBytes? { nil }
}

/// A private key that was found and unlocked, ready to sign images.
///
/// ```swift
/// let identity = try SigningIdentity(contentsOf: "release.sec.asc", passphrases: prompt)
/// try ImageSigner.sign(&editor, with: identity, at: .now)
/// ```
public enum SigningIdentity: ~Copyable {
  /// An OpenPGP key.
  case openPGP(SigningKey)
  /// PEM keys, which sign together.
  case pem(DSSESigner)
  /// A key that the user's own `gpg` has.
  case gnuPG(GnuPGSigner)

  /// The private key in a file.
  ///
  /// - Throws: ``KeyError``, and what `passphrases` throws.
  public init(
    contentsOf path: String, fingerprint: String? = nil, at time: Timestamp = .now,
    passphrases: some PassphraseProvider = NoPassphrases(), _ notice: (KeyNotice) -> Void = { _ in }
  ) throws {
    try self.init(
      files: [FilePath(path)], fingerprint: fingerprint, at: time, passphrases: passphrases, notice)
  }

  /// The private key in a file, or the private PEM keys in several.
  ///
  /// - Parameters:
  ///   - files: OpenPGP keys (armored, binary, or a GnuPG keybox) or PEM.
  ///   - fingerprint: that of the OpenPGP key, for a file with several, or of the subkey that has to sign: hexadecimal
  ///     digits.
  ///   - time: the time of signing, at which the key must be able to sign.
  ///   - passphrases: is asked for the passphrase of a key that has one.
  ///   - notice: called with warnings about the files.
  /// - Throws: ``KeyError``, and what `passphrases` throws.
  public init(
    files: [FilePath], fingerprint: String? = nil, at time: Timestamp = .now,
    passphrases: some PassphraseProvider, _ notice: (KeyNotice) -> Void = { _ in }
  ) throws {
    for file in files { KeyRingFiles.notice(ofPrivateKeyIn: file).map(notice) }
    guard let file = files.first else { throw KeyError.noKeyToSignWith }
    if files.count == 1 {
      try self.init(
        try SecretFile.read(file), named: file.printable, fingerprint: fingerprint, at: time,
        passphrases: passphrases)
      return
    }
    var keys: [PEMPrivateKey] = []
    for file in files {
      let bytes = try SecretFile.read(file)
      guard PEMText.isPEM(bytes) else {
        _ = try KeyRing(reading: bytes, of: file)
        throw KeyError.notPEM(file: file.printable)
      }
      keys.append(try Self.pem(bytes, file.printable, passphrases))
    }
    self = .pem(try Self.signer(keys, fingerprint))
  }

  /// The private key in some bytes.
  ///
  /// - Parameters:
  ///   - bytes: an OpenPGP key or a PEM key.
  ///   - name: the name of the bytes for users.
  ///   - fingerprint: that of the OpenPGP key, if there are several, or of the subkey that has to sign.
  ///   - time: the time of signing.
  ///   - passphrases: is asked for the passphrase of a key that has one.
  /// - Throws: ``KeyError``, and what `passphrases` throws.
  public init(
    _ bytes: borrowing SecureBytes, named name: String, fingerprint: String? = nil, at time: Timestamp = .now,
    passphrases: some PassphraseProvider
  ) throws {
    if PEMText.isPEM(bytes) {
      self = .pem(try Self.signer([try Self.pem(bytes, name, passphrases)], fingerprint))
    } else {
      let ring = try KeyRing(reading: bytes, of: FilePath(name))
      self = .openPGP(try Self.openPGP(ring, name, fingerprint, time, passphrases))
    }
  }

  /// The OpenPGP key in key rings that has a fingerprint, or the only one.
  ///
  /// - Parameters:
  ///   - rings: key rings: files, or directories of a container runtime.
  ///   - fingerprint: that of the key, or of the subkey that has to sign: hexadecimal digits; nil for the only key.
  ///   - time: the time of signing, at which the key must be able to sign.
  ///   - passphrases: is asked for the passphrase of the key, if it has one.
  ///   - notice: called with warnings about the rings.
  /// - Throws: ``KeyError``, and what `passphrases` throws.
  public init(
    rings: [FilePath], fingerprint: String? = nil, at time: Timestamp = .now,
    passphrases: some PassphraseProvider, _ notice: (KeyNotice) -> Void = { _ in }
  ) throws {
    for directory in rings { KeyRingFiles.notice(ofDirectory: directory, secret: true).map(notice) }
    let ring = try KeyRing(
      contentsOf: rings.flatMap { KeyRingFiles.rings(at: $0, secret: true) }, notice)
    self = .openPGP(try Self.openPGP(ring, "the key ring", fingerprint, time, passphrases))
  }

  /// The only OpenPGP key in the runtimes' own key rings (``KeyRingFiles/runtimeDirectories``), or the one with a
  /// fingerprint.
  ///
  /// - Throws: ``KeyError``, and what `passphrases` throws.
  public static func ofRuntimes(
    fingerprint: String? = nil, at time: Timestamp = .now, passphrases: some PassphraseProvider,
    _ notice: (KeyNotice) -> Void = { _ in }
  ) throws -> SigningIdentity {
    try SigningIdentity(
      rings: KeyRingFiles.runtimeDirectories.filter(KeyRingFiles.exists), fingerprint: fingerprint, at: time,
      passphrases: passphrases, notice)
  }

  /// A key that the user's own `gpg` has: held by gpg-agent, or on a smart card.
  ///
  /// - Parameters:
  ///   - fingerprint: that of the key or a subkey: hexadecimal digits.
  ///   - mayPrompt: whether gpg-agent may ask for a passphrase or PIN.
  public init(gnuPG fingerprint: String, mayPrompt: Bool) throws(KeyError) {
    do {
      self = .gnuPG(try GnuPGSigner(fingerprint: Fingerprint.bytes(fingerprint), mayPrompt: mayPrompt))
    } catch { throw .fault(error) }
  }

  // MARK: PEM

  private static func signer(_ keys: [PEMPrivateKey], _ fingerprint: String?) throws(KeyError) -> DSSESigner {
    guard fingerprint == nil else { throw .notOpenPGP }
    return DSSESigner(keys)
  }

  private static func pem(
    _ bytes: borrowing SecureBytes, _ name: String, _ passphrases: some PassphraseProvider
  ) throws -> PEMPrivateKey {
    do { return try PEMPrivateKey.read(bytes.span) } catch {
      if error.code == .noKey, (try? PEMPublicKey.read(bytes.span))?.isEmpty == false {
        throw KeyError.noPrivateKey(in: name, hasPublicKey: true)
      }
      guard error.code == .passphraseNeeded else { throw KeyError.contents(error, of: name) }
    }
    guard let passphrase = try passphrases.passphrase(for: .pem(file: name)) else {
      throw KeyError.locked(.pem(file: name))
    }
    do { return try PEMPrivateKey.read(bytes.span, passphrase: passphrase) } catch {
      throw KeyError.contents(error, of: name)
    }
  }

  // MARK: OpenPGP

  private static func openPGP(
    _ ring: KeyRing, _ name: String, _ fingerprint: String?, _ time: Timestamp,
    _ passphrases: some PassphraseProvider
  ) throws -> SigningKey {
    let certificate = try choose(fingerprint, from: ring, name)
    let secret: SecretKey
    do {
      secret = try ring.signingSecret(
        of: certificate, subkey: fingerprint.map(Fingerprint.bytes), now: time.seconds)
    } catch { throw KeyError.contents(error, of: name) }
    guard secret.isLocked else {
      return try SigningKey(unlocking: secret, of: certificate.primary, passphrase: SecureBytes(count: 0))
    }
    let key = LockedKey.openPGP(keyID: secret.publicKey.keyIDText)
    guard let passphrase = try passphrases.passphrase(for: key) else { throw KeyError.locked(key) }
    return try SigningKey(unlocking: secret, of: certificate.primary, passphrase: passphrase)
  }

  /// The key that was named, or the only one.
  private static func choose(
    _ fingerprint: String?, from ring: KeyRing, _ name: String
  ) throws(KeyError) -> Certificate {
    guard !ring.secretKeys.isEmpty else {
      throw .noPrivateKey(in: name, hasPublicKey: !ring.certificates.isEmpty)
    }
    if let fingerprint {
      guard let found = ring.certificate(withFingerprint: Fingerprint.bytes(fingerprint)) else {
        throw .noKey(fingerprint: fingerprint, in: name)
      }
      return found
    }
    guard let only = ring.certificates.first, ring.certificates.count == 1 else {
      throw .severalKeys(in: name)
    }
    return only
  }
}

extension SigningIdentity: MessageSigner {
  /// The message that the key makes.
  public borrowing func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    switch self {
    case .openPGP(let key): try key.sign(text, at: time)
    case .pem(let signer): try signer.sign(text, at: time)
    case .gnuPG(let signer): try signer.sign(text, at: time)
    }
  }
}
