import ArgumentParser
import Bytes
import CommandKit
import ImageTrust
import SIF

/// Signing in the same run: the options of `sign`, each with `sign-` before its name.
struct SignAfterOptions: ParsableArguments {
  @Flag(help: "Sign the new image (default: with the key in the runtimes' key ring).") var sign = false
  @Option(help: ArgumentHelp("Sign with the private key in a file (repeatable for PEM).", valueName: "file"))
  var signKey: [PathArgument] = []
  @Option(help: ArgumentHelp("Sign with the private key in an environment variable.", valueName: "name"))
  var signKeyEnv: String?
  @Option(
    help: ArgumentHelp("Sign with the OpenPGP key that has this fingerprint.", valueName: "fingerprint"))
  var signFingerprint: String?
  @Option(help: ArgumentHelp("Sign with a key in this key ring.", valueName: "path"))
  var signKeyring: PathArgument?
  @Option(
    help: ArgumentHelp("Sign through gpg, with the key that has this fingerprint.", valueName: "fingerprint"))
  var signGpg: String?
  @Option(
    help: ArgumentHelp("Read the passphrase of the signing key from an open file descriptor.", valueName: "n")
  )
  var signPassphraseFd: DescriptorArgument?
  @Option(
    help: ArgumentHelp(
      "Read the passphrase of the signing key from a file; one final newline is ignored.", valueName: "file"))
  var signPassphraseFile: PathArgument?

  func validate() throws {
    try PassphraseOptions.refuseBoth(
      "--sign-passphrase-fd", signPassphraseFd, "--sign-passphrase-file", signPassphraseFile)
  }

  /// The options that do nothing if nothing is signed.
  var idleOptions: [IdleOptions] {
    isWanted
      ? [] : [IdleOptions("sign-passphrase-fd", "sign-passphrase-file", reason: "needs --sign or --sign-key")]
  }

  private var isWanted: Bool {
    sign || !signKey.isEmpty || signKeyEnv != nil || signFingerprint != nil || signKeyring != nil
      || signGpg != nil
  }

  /// Signs every group, if that was asked for.
  func sign(_ editor: inout ImageEditor, _ reporter: Reporter) throws -> [Descriptor] {
    guard isWanted else { return [] }
    var passphrase = PassphraseOptions()
    passphrase.passphraseFd = signPassphraseFd
    passphrase.passphraseFile = signPassphraseFile
    var signer = SigningKeyOptions()
    signer.key = signKey
    signer.keyEnv = signKeyEnv
    signer.fingerprint = signFingerprint
    signer.keyring = signKeyring
    signer.gpg = signGpg
    signer.passphrase = passphrase
    let time = try WriteOptions.sourceDateEpoch() ?? Timestamp.now
    let signatures = try signer.sign(
      &editor, selection: IntegritySelection(), at: time, reporter)
    let names = ByteText.ranges(signatures.map(\.id))
    reporter.note("signed: object\(signatures.count == 1 ? "" : "s") \(names)")
    return signatures
  }
}
