import ArgumentParser
import CommandKit
import ImageTrust
import SIF

/// Keys whose signatures count, for commands that also work without any.
struct TrustOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A file with trusted keys: OpenPGP or PEM (repeatable). Without keys, signatures are not verified.",
      valueName: "file"))
  var key: [PathArgument] = []
  @Option(
    help: ArgumentHelp(
      "A key ring: a file, or the directory of a container runtime or of GnuPG (repeatable).",
      valueName: "path"
    ))
  var keyring: [PathArgument] = []

  /// Verifies an image with the keys; nil if none were given, or if the image is too damaged, of which the user is
  /// told.
  func verify(
    _ storage: any Storage, _ reporter: Reporter
  ) throws -> VerificationReport? {
    let choice = KeyChoice(files: key, rings: keyring)
    if choice.isEmpty { return nil }
    let keys = try choice.read(reporter)
    do {
      let report = try Image(reading: storage).verify(with: keys)
      if report.verdict != .malformed { return report }
      reporter.note("nothing was verified: the image is malformed")
    } catch let error as SIFError {
      reporter.note("nothing was verified: \(error.description)")
    } catch let error as IntegrityError {
      reporter.note("nothing was verified: \(ToolFailure(error).message)")
    }
    return nil
  }
}
