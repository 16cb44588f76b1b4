import ArgumentParser
import Bytes
import DSSE
import Gcrypt
import OpenPGP
import PEMKeys
import SIF
import SystemPackage

/// Which key signs.
struct SigningKeyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file with the private key: OpenPGP (armored or binary) or PEM.",
      discussion: "Several PEM keys sign together, in one envelope.", valueName: "file"))
  var key: [PathArgument] = []

  @Option(
    help: ArgumentHelp("An environment variable that holds the private key as text.", valueName: "name"))
  var keyEnv: String?

  @Option(
    help: ArgumentHelp(
      "The fingerprint of the OpenPGP key in the key ring, or in a file with several.",
      valueName: "fingerprint"))
  var fingerprint: String?

  @Option(
    help: ArgumentHelp(
      "The key ring: a file, or a directory of a container runtime. Otherwise the runtimes' own.",
      valueName: "path"))
  var keyring: PathArgument?

  @Option(
    help: ArgumentHelp(
      "Sign with a key that gpg has, also on a smart card: its fingerprint, or a subkey's.",
      discussion: "gpg-agent asks for the passphrase or PIN by itself, on a terminal.",
      valueName: "fingerprint"))
  var gpg: String?

  @OptionGroup var passphrase: PassphraseOptions

  /// Signs with the chosen key.
  ///
  /// - Parameter isQuiet: whether warnings are left out.
  func sign(
    _ editor: inout ImageEditor, selection: IntegritySelection, at time: Timestamp, isQuiet: Bool
  ) throws -> [Descriptor] {
    guard key.isEmpty || keyEnv == nil else {
      throw ToolFailure.usage("--key and --key-env exclude each other")
    }
    if let gpg { return try sign(&editor, gnuPG: gpg, selection, time) }
    if let keyEnv {
      guard let bytes = try SecretInput.environment(keyEnv) else {
        throw ToolFailure(
          .key, code: "no-key", "the environment variable \(Array(keyEnv.utf8).printable) is not set")
      }
      return try sign(&editor, bytes, "$\(Array(keyEnv.utf8).printable)", selection, time)
    }
    for file in key { KeyFiles.warnIfShared(file.path, isQuiet: isQuiet) }
    if key.count > 1 { return try sign(&editor, pem: try severalPEM(), selection, time) }
    if let file = key.first {
      return try sign(
        &editor, try SecretInput.read(file.path), file.path.printable, selection, time)
    }
    let directories = keyring.map { [$0.path] } ?? KeyFiles.runtimeDirectories.filter(KeyFiles.exists)
    for directory in directories { KeyFiles.warnIfOpen(directory, secret: true, isQuiet: isQuiet) }
    let ring = try KeyFiles.openPGP(
      directories.flatMap { KeyFiles.rings(at: $0, secret: true) }, isQuiet: isQuiet)
    return try sign(&editor, openPGP: ring, "the key ring", selection, time)
  }

  private func sign(
    _ editor: inout ImageEditor, _ bytes: borrowing SecureBytes, _ name: String,
    _ selection: IntegritySelection, _ time: Timestamp
  ) throws -> [Descriptor] {
    if KeyFiles.isPEM(bytes) {
      return try sign(&editor, pem: [try pem(bytes, name, Phrase())], selection, time)
    }
    let ring = try KeyFiles.read(bytes, FilePath(name))
    return try sign(&editor, openPGP: ring, name, selection, time)
  }

  // MARK: PEM

  /// A passphrase that was given for all keys: a descriptor or a variable gives it only once.
  private final class Phrase {
    final class Given {
      let bytes: SecureBytes

      init(_ bytes: consuming SecureBytes) { self.bytes = bytes }
    }

    var given: Given?
    var isRead = false
  }

  /// Several keys sign together in an envelope; a clear-signed message has one signer.
  private func severalPEM() throws -> [PEMPrivateKey] {
    let phrase = Phrase()
    var keys: [PEMPrivateKey] = []
    for file in key {
      let name = file.path.printable
      let bytes = try SecretInput.read(file.path)
      guard KeyFiles.isPEM(bytes) else {
        _ = try KeyFiles.read(bytes, file.path)
        throw ToolFailure.usage(
          "only PEM keys sign together, and \(name) holds an OpenPGP key: sign once for each --key")
      }
      keys.append(try pem(bytes, name, phrase))
    }
    return keys
  }

  private func pem(
    _ bytes: borrowing SecureBytes, _ name: String, _ phrase: Phrase
  ) throws -> PEMPrivateKey {
    let none = try SecureBytes(count: 0)
    do { return try PEMPrivateKey.read(bytes.span, passphrase: none) } catch {
      if error.code == .noKey, (try? PEMPublicKey.read(bytes.span))?.isEmpty == false {
        throw ToolFailure(.key, code: "no-key", onlyPublic(name))
      }
      guard error.code == .passphraseNeeded else { throw failure(error, name) }
    }
    if !phrase.isRead {
      if let given = try passphrase.readGiven() { phrase.given = Phrase.Given(given) }
      phrase.isRead = true
    }
    if let given = phrase.given {
      do { return try PEMPrivateKey.read(bytes.span, passphrase: given.bytes) } catch {
        throw failure(error, name)
      }
    }
    guard let answer = try SecretInput.prompt("Passphrase of the key in \(name): ") else {
      throw ToolFailure(.key, code: "passphrase-needed", "\(name): the private key is encrypted")
    }
    do { return try PEMPrivateKey.read(bytes.span, passphrase: answer) } catch {
      throw failure(error, name)
    }
  }

  private func failure(_ error: PEMError, _ name: String) -> ToolFailure {
    ToolFailure(.key, code: error.code.rawValue, "\(name): \(error.description)")
  }

  private func onlyPublic(_ name: String) -> String {
    "\(name): there is no private key, only a public one; signing needs the private one"
  }

  private func sign(
    _ editor: inout ImageEditor, pem keys: [PEMPrivateKey], _ selection: IntegritySelection,
    _ time: Timestamp
  ) throws -> [Descriptor] {
    guard fingerprint == nil else {
      throw ToolFailure.usage("--fingerprint chooses an OpenPGP key; the key that was given is in PEM")
    }
    return try ImageSigner.sign(&editor, with: DSSESigner(keys), selection: selection, at: time)
  }

  // MARK: GnuPG

  private func sign(
    _ editor: inout ImageEditor, gnuPG fingerprint: String, _ selection: IntegritySelection, _ time: Timestamp
  ) throws -> [Descriptor] {
    guard key.isEmpty, keyEnv == nil, self.fingerprint == nil, keyring == nil, !passphrase.isGiven else {
      throw ToolFailure.usage(
        "--gpg chooses the key and asks gpg-agent: it excludes the other options for keys")
    }
    // gpg has no use for them.
    SecretInput.forgetPassphrases()
    let signer = try GnuPGSigner(
      fingerprint: [UInt8](hexadecimalFingerprint: fingerprint), mayPrompt: SecretInput.canPrompt)
    return try ImageSigner.sign(&editor, with: signer, selection: selection, at: time)
  }

  // MARK: OpenPGP

  private func sign(
    _ editor: inout ImageEditor, openPGP ring: KeyRing, _ name: String, _ selection: IntegritySelection,
    _ time: Timestamp
  ) throws -> [Descriptor] {
    let certificate = try choose(ring, name)
    let secret = try ring.signingSecret(of: certificate, now: time.seconds)
    let phrase =
      secret.isLocked
      ? try passphrase.read(prompt: "Passphrase of key \(secret.publicKey.keyIDText): ") : nil
    if secret.isLocked, phrase == nil {
      throw ToolFailure(
        .key, code: "passphrase-needed", "key \(secret.publicKey.keyIDText) is locked by a passphrase")
    }
    return try sign(
      &editor, secret, certificate.primary, phrase ?? (try SecureBytes(count: 0)), selection, time)
  }

  private func sign(
    _ editor: inout ImageEditor, _ secret: SecretKey, _ primary: PublicKeyPacket,
    _ phrase: borrowing SecureBytes, _ selection: IntegritySelection, _ time: Timestamp
  ) throws -> [Descriptor] {
    let signer = try SigningKey(unlocking: secret, of: primary, passphrase: phrase)
    return try ImageSigner.sign(&editor, with: signer, selection: selection, at: time)
  }

  /// The key that was named, or the only one.
  private func choose(_ ring: KeyRing, _ name: String) throws -> Certificate {
    guard !ring.secretKeys.isEmpty else {
      throw ToolFailure(
        .key, code: "no-key",
        ring.certificates.isEmpty ? "\(name): there is no private key" : onlyPublic(name))
    }
    if let fingerprint {
      let digits = fingerprint.filter { $0 != " " }
      guard let bytes = [UInt8](hexadecimal: digits), let found = ring.certificate(withFingerprint: bytes)
      else {
        throw ToolFailure(
          .key, code: "no-key", "\(name): no key has the fingerprint \(Array(fingerprint.utf8).printable)")
      }
      return found
    }
    guard let only = ring.certificates.first, ring.certificates.count == 1 else {
      throw ToolFailure(
        .key, code: "ambiguous-key", "\(name): there are several keys; choose one with --fingerprint")
    }
    return only
  }
}
