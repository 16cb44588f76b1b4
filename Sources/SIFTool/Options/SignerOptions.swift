import ArgumentParser
import CommandKit
import ImageTrust

/// Whose signatures count, and how many are needed.
struct SignerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file with trusted keys: OpenPGP or PEM (repeatable). The public part of a private key serves.",
      valueName: "file"))
  var key: [PathArgument] = []
  @Option(
    help: ArgumentHelp(
      "A key ring: a file, or a directory of a container runtime or of GnuPG (repeatable).", valueName: "path"
    ))
  var keyring: [PathArgument] = []
  @Option(
    help: ArgumentHelp(
      "A key that must have signed everything (repeatable: each of them).", valueName: "fingerprint"))
  var signer: [String] = []
  @Option(
    help: ArgumentHelp(
      "How many different keys must have signed everything (default: 1).", valueName: "n"))
  var threshold: Int?

  /// The keys that were named.
  var keys: KeyChoice { KeyChoice(files: key, rings: keyring) }

  /// Who has to have signed.
  func policy(isStrict: Bool, isLegacy: Bool = false) -> VerificationPolicy {
    VerificationPolicy(
      requiredSigners: signer, threshold: threshold ?? 1, isStrict: isStrict, isLegacy: isLegacy)
  }

  func validate() throws {
    guard threshold ?? 1 >= 1 else { throw ValidationError("--threshold must be at least 1") }
    try VerifyCommand.checkSigners(signer)
  }
}
