import ArgumentParser
import Bytes
import CommandKit
import Gcrypt
import ImageTrust
import SIF

/// The key that signs.
struct SigningKeyOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file with the private key: OpenPGP (armored or binary) or PEM (repeatable for PEM).",
      discussion: "Several PEM keys sign together, in one envelope.", valueName: "file"))
  var key: [PathArgument] = []

  @Option(
    help: ArgumentHelp("An environment variable that holds the private key as text.", valueName: "name"))
  var keyEnv: String?

  @Option(
    help: ArgumentHelp(
      "The fingerprint of the OpenPGP key to use, if there are several, or of the subkey that has to sign.",
      valueName: "fingerprint"))
  var fingerprint: String?

  @Option(
    help: ArgumentHelp(
      "The key ring: a file, or the directory of a container runtime (default: the runtimes' own).",
      valueName: "path"))
  var keyring: PathArgument?

  @Option(
    help: ArgumentHelp(
      "Sign through gpg, also with a key on a smart card: the fingerprint of the key or of a subkey.",
      discussion: "gpg-agent itself asks for the passphrase or PIN, on a terminal.",
      valueName: "fingerprint"))
  var gpg: String?

  @OptionGroup var passphrase: PassphraseOptions

  /// Signs with the chosen key.
  ///
  /// - Parameter reporter: prints warnings about the key files.
  func sign(
    _ editor: inout ImageEditor, selection: IntegritySelection, at time: Timestamp, _ reporter: Reporter
  ) throws -> [Descriptor] {
    let identity: SigningIdentity
    do { identity = try self.identity(at: time) { reporter.warn($0) } } catch KeyError
      .notOpenPGP
    {
      throw ToolFailure.usage("--fingerprint chooses an OpenPGP key, but the given key is in PEM")
    }
    return try ImageSigner.sign(&editor, with: identity, selection: selection, at: time)
  }

  /// Finds the chosen key, and unlocks it.
  private func identity(at time: Timestamp, _ notice: (KeyNotice) -> Void) throws -> SigningIdentity {
    guard key.isEmpty || keyEnv == nil else {
      throw ToolFailure.usage("--key and --key-env exclude each other")
    }
    if let gpg { return try identity(gnuPG: gpg) }
    let passphrases = KeyPassphrases(passphrase)
    if let keyEnv {
      let name = keyEnv.printable
      guard let bytes = try SecretInput.environment(keyEnv) else {
        throw ToolFailure(.key, code: "no-key", "the environment variable \(name) is not set")
      }
      return try SigningIdentity(
        bytes, named: "$\(name)", fingerprint: fingerprint, at: time, passphrases: passphrases)
    }
    if !key.isEmpty {
      return try SigningIdentity(
        files: key.map(\.path), fingerprint: fingerprint, at: time, passphrases: passphrases, notice)
    }
    guard let keyring else {
      return try SigningIdentity.ofRuntimes(
        fingerprint: fingerprint, at: time, passphrases: passphrases, notice)
    }
    return try SigningIdentity(
      rings: [keyring.path], fingerprint: fingerprint, at: time, passphrases: passphrases, notice)
  }

  private func identity(gnuPG fingerprint: String) throws -> SigningIdentity {
    guard key.isEmpty, keyEnv == nil, self.fingerprint == nil, keyring == nil, !passphrase.isGiven else {
      throw ToolFailure.usage(
        "--gpg takes the key from gpg-agent: it excludes the other key options")
    }
    // gpg does not need them, so it does not inherit them.
    SecretInput.forgetPassphrases()
    return try SigningIdentity(gnuPG: fingerprint, mayPrompt: SecretInput.canPrompt)
  }
}

/// Passphrases from the options, or from the user.
private struct KeyPassphrases: PassphraseProvider {
  private let given: PassphraseOnce

  init(_ options: PassphraseOptions) { given = PassphraseOnce(options.source) }

  func passphrase(for key: LockedKey) throws -> SecureBytes? {
    if let given = try given.readGiven() { return given }
    return switch key {
    case .openPGP(let keyID): try SecretInput.prompt("Passphrase of key \(keyID): ")
    case .pem(let file): try SecretInput.prompt("Passphrase of the key in \(file): ")
    }
  }
}
