import ArgumentParser
import ImageTrust
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

  /// What was asked for.
  var verification: Verification {
    var verification = Verification()
    verification.keys = signers.keys
    verification.selection = IntegritySelection(groups: groupId, objects: sifId.map(\.value))
    verification.isEverything = all
    verification.policy = signers.policy(isStrict: strict, isLegacy: legacyInsecure)
    return verification
  }
}
