import ArgumentParser
import SIF

/// Whose signatures are wanted, and over what: for `verify`, and for what verifies before it mounts.
struct VerificationOptions: ParsableArguments {
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
  @Option(help: ArgumentHelp("Verify a group (repeatable).", valueName: "n")) var groupId: [UInt32] = []
  @Option(help: ArgumentHelp("Verify an object (repeatable).", valueName: "id")) var sifId: [ObjectID] = []
  @Flag(help: "Verify every object; with --legacy-insecure, not only the primary partition.") var all = false
  @Flag(help: "Accept only the signatures of old runtimes, which leave header and descriptors open.")
  var legacyInsecure = false
  @Option(
    help: ArgumentHelp(
      "A key that must have signed everything (repeatable: each of them).", valueName: "fingerprint"))
  var signer: [String] = []
  @Option(help: ArgumentHelp("How many different keys must have signed everything.", valueName: "n"))
  var threshold = 1
  @Flag(
    help: "Refuse every byte that is neither signed nor follows from what is, and every structural error."
  )
  var strict = false

  func validate() throws {
    guard threshold >= 1 else { throw ValidationError("--threshold must be at least 1") }
    guard !all || groupId.isEmpty && sifId.isEmpty else {
      throw ValidationError("--all excludes --group-id and --sif-id")
    }
    try VerifyCommand.checkSigners(signer)
  }

  /// What was asked for, about an image.
  func verification(of image: PathArgument) -> Verification {
    var verification = Verification(image)
    verification.keys = key
    verification.keyrings = keyring
    verification.selection = IntegritySelection(groups: groupId, objects: sifId.map(\.value))
    verification.isEverything = all
    verification.policy = VerificationPolicy(
      requiredSigners: signer, threshold: threshold, isStrict: strict, isLegacy: legacyInsecure)
    return verification
  }
}
