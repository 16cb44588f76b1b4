import ArgumentParser
import SIF

struct VerifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Verify the signatures of an image.",
    discussion: """
      Every signature and every object is reported before the verdict. Never the network: keys come from \
      files and key rings.

      Exit codes: 0 everything is validly signed; 2 not signed, or not fully; 3 not by a trusted or required \
      signer; 4 tampered with; 5 no whole SIF image; 6 no key at hand.
      """)

  @Argument(help: "The image.") var image: PathArgument
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
  @Flag(name: [.short, .long], help: "Print no warnings.") var quiet = false
  @OptionGroup var output: JSONOption

  var printsJSON: Bool { output.json }

  func validate() throws {
    guard threshold >= 1 else { throw ValidationError("--threshold must be at least 1") }
    guard !all || groupId.isEmpty && sifId.isEmpty else {
      throw ValidationError("--all excludes --group-id and --sif-id")
    }
    try Self.checkSigners(signer)
  }

  /// Refuses names of signers that are no fingerprints.
  static func checkSigners(_ names: [String]) throws {
    for name in names where !isFingerprint(name) {
      // A short id would match keys that anybody can make.
      throw ValidationError(
        "--signer \"\(Array(name.utf8).printable)\" is no fingerprint: 40 or 64 hexadecimal digits, or SHA256: and 43 "
          + "characters of a PEM key's")
    }
  }

  private static func isFingerprint(_ name: String) -> Bool {
    let isHexadecimal = [40, 64].contains(name.utf8.count) && [UInt8](hexadecimal: name) != nil
    return isHexadecimal || name.hasPrefix("SHA256:") && name.utf8.count == 50
  }

  func execute() throws {
    var verification = Verification(image)
    verification.keys = key
    verification.keyrings = keyring
    verification.selection = IntegritySelection(groups: groupId, objects: sifId.map(\.value))
    verification.isEverything = all
    verification.policy = VerificationPolicy(
      requiredSigners: signer, threshold: threshold, isStrict: strict, isLegacy: legacyInsecure)
    verification.printsJSON = output.json
    verification.isQuiet = quiet
    try verification.run()
  }
}
