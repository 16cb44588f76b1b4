import ArgumentParser
import Bytes
import CommandKit
import SIF

struct VerifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "verify", abstract: "Verify the signatures of an image.",
    discussion: """
      Reports every signature and every object, then the verdict. Keys come from files and key rings. Only with \
      --keyserver the network is used: for the keys of signatures that none of these has. Anybody can put a key on a \
      key server, so that such a key counts only for a signer whom --signer names.

      Exit codes: 0 everything has a valid signature; 2 not signed, or not fully; 3 not signed by a trusted or \
      required signer; 4 tampered with; 5 not a SIF, malformed or truncated; 6 no key is available.
      """)

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Verification") var policy: VerificationOptions
  @Option(
    help: ArgumentHelp(
      "Ask this key server for missing keys, which are used once and not stored (repeatable: asked in order).",
      valueName: "address"))
  var keyserver: [String] = []
  @Flag(name: [.short, .long], help: "Print nothing but errors to standard error.") var quiet = false
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  /// Refuses names of signers that are not fingerprints.
  static func checkSigners(_ names: [String]) throws {
    for name in names where !isFingerprint(name) {
      // A short id would match keys that anybody can make.
      throw ValidationError(
        "--signer \"\(ArgumentBytes.printable(name))\" is not a fingerprint, which has 40 or 64 hexadecimal digits, or for a PEM key "
          + "SHA256: and 43 characters")
    }
  }

  private static func isFingerprint(_ name: String) -> Bool {
    let isHexadecimal = [40, 64].contains(name.utf8.count) && [UInt8](hexadecimal: name) != nil
    return isHexadecimal || name.hasPrefix("SHA256:") && name.utf8.count == 50
  }

  static var shortForm: ShortForm {
    ShortForm("verify") { words in
      guard let keys = words.values(of: "--key", PathArgument.self),
        let image = words.operand(PathArgument.self)
      else { return nil }
      return { try Verification(keys: KeyChoice(files: keys)).run(on: image) }
    }
  }

  func execute() throws {
    var verification = policy.verification
    verification.reporter = Reporter(isQuiet: quiet)
    verification.keyservers = keyserver
    try verification.run(on: image, printsJSON: output.json)
  }
}
