import ArgumentParser
import SIF

/// Whose signatures are wanted, and over what: for `verify`, and for what verifies before it mounts.
struct VerificationOptions: ParsableArguments {
  @OptionGroup var signers: SignerOptions
  @Option(help: ArgumentHelp("Verify a group (repeatable).", valueName: "n")) var groupId: [UInt32] = []
  @Option(help: ArgumentHelp("Verify an object (repeatable).", valueName: "id")) var sifId: [ObjectID] = []
  @Flag(help: "Verify every object; with --legacy-insecure, not only the primary partition.") var all = false
  @Flag(help: "Accept only the signatures of old runtimes, which leave header and descriptors open.")
  var legacyInsecure = false
  @Flag(
    help: "Refuse every byte that is neither signed nor follows from what is, and every structural error."
  )
  var strict = false

  func validate() throws {
    guard !all || groupId.isEmpty && sifId.isEmpty else {
      throw ValidationError("--all excludes --group-id and --sif-id")
    }
  }

  /// The first of these options that was given; nil where none was.
  var firstGiven: String? {
    let options: [(name: String, isGiven: Bool)] = [
      ("--key", !signers.key.isEmpty), ("--keyring", !signers.keyring.isEmpty),
      ("--signer", !signers.signer.isEmpty), ("--threshold", signers.threshold != nil),
      ("--group-id", !groupId.isEmpty), ("--sif-id", !sifId.isEmpty), ("--all", all),
      ("--legacy-insecure", legacyInsecure), ("--strict", strict),
    ]
    return options.first(where: \.isGiven)?.name
  }

  /// What was asked for, about an image.
  func verification(of image: PathArgument) -> Verification {
    var verification = Verification(image)
    verification.keys = signers.key
    verification.keyrings = signers.keyring
    verification.selection = IntegritySelection(groups: groupId, objects: sifId.map(\.value))
    verification.isEverything = all
    verification.policy = VerificationPolicy(
      requiredSigners: signers.signer, threshold: signers.threshold ?? 1, isStrict: strict,
      isLegacy: legacyInsecure)
    return verification
  }
}
