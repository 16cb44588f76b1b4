import ArgumentParser
import CommandKit
import ImageTrust

/// The trusted keys, and the signatures that are required.
struct SignerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file with trusted keys: OpenPGP or PEM (repeatable). A private key also works: its public part is used.",
      valueName: "file"))
  var key: [PathArgument] = []
  @Option(
    help: ArgumentHelp(
      "A key ring: a file, or the directory of a container runtime or of GnuPG (repeatable).",
      valueName: "path"
    ))
  var keyring: [PathArgument] = []
  @Option(
    help: ArgumentHelp(
      "A key that must have signed everything (repeatable: all of them must).", valueName: "fingerprint"))
  var signer: [String] = []
  @Option(
    help: ArgumentHelp(
      "The number of different keys that must have signed everything (default: 1).", valueName: "n"))
  var threshold: Int?

  /// The keys that the options name.
  var keys: KeyChoice { KeyChoice(files: key, rings: keyring) }

  /// The policy on who must have signed.
  func policy(isStrict: Bool, isLegacy: Bool = false) -> VerificationPolicy {
    VerificationPolicy(
      requiredSigners: signer, threshold: threshold ?? 1, isStrict: isStrict, isLegacy: isLegacy)
  }

  func validate() throws {
    guard threshold ?? 1 >= 1 else { throw ValidationError("--threshold must be at least 1") }
    try VerifyCommand.checkSigners(signer)
  }
}
