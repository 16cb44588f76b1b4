import ArgumentParser
import Bytes
import CommandKit
import Gcrypt
import ImageTrust
import SIF

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
  /// - Parameter reporter: warns of what is to be known about the files.
  func sign(
    _ editor: inout ImageEditor, selection: IntegritySelection, at time: Timestamp, _ reporter: Reporter
  ) throws -> [Descriptor] {
    let identity: SigningIdentity
    do { identity = try self.identity(at: time) { reporter.warn($0) } } catch KeyError
      .notOpenPGP
    {
      throw ToolFailure.usage("--fingerprint chooses an OpenPGP key; the key that was given is in PEM")
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
        "--gpg chooses the key and asks gpg-agent: it excludes the other options for keys")
    }
    // gpg has no use for them.
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
