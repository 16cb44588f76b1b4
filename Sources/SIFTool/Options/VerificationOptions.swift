import ArgumentParser
import ImageTrust
import SIF

/// The required signers and the objects to verify: for `verify`, and for the commands that verify before they mount.
struct VerificationOptions: ParsableArguments {
  @OptionGroup var signers: SignerOptions
  @Option(help: ArgumentHelp("Verify this group (repeatable).", valueName: "n")) var groupId: [UInt32] = []
  @Option(help: ArgumentHelp("Verify this object (repeatable).", valueName: "id")) var sifId: [ObjectID] = []
  @Flag(
    help:
      "Verify every object, also with --legacy-insecure, which verifies only the primary partition by default."
  ) var all = false
  @Flag(help: "Accept only the signatures of old runtimes, which do not protect header and descriptors.")
  var legacyInsecure = false
  @Flag(
    help: "Refuse structural errors, and bytes that are neither signed nor follow from signed ones."
  )
  var strict = false

  func validate() throws {
    guard !all || groupId.isEmpty && sifId.isEmpty else {
      throw ValidationError("--all excludes --group-id and --sif-id")
    }
  }

  /// The first of these options that was given; nil if none was.
  var firstGiven: String? {
    let options: [(name: String, isGiven: Bool)] = [
      ("--key", !signers.key.isEmpty), ("--keyring", !signers.keyring.isEmpty),
      ("--signer", !signers.signer.isEmpty), ("--threshold", signers.threshold != nil),
      ("--group-id", !groupId.isEmpty), ("--sif-id", !sifId.isEmpty), ("--all", all),
      ("--legacy-insecure", legacyInsecure), ("--strict", strict),
    ]
    return options.first(where: \.isGiven)?.name
  }

  /// The verification that the options ask for.
  var verification: Verification {
    var verification = Verification()
    verification.keys = signers.keys
    verification.selection = IntegritySelection(groups: groupId, objects: sifId.map(\.value))
    verification.isEverything = all
    verification.policy = signers.policy(isStrict: strict, isLegacy: legacyInsecure)
    return verification
  }
}
