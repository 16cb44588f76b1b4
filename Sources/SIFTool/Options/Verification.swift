import CommandKit
import ImageTrust
import SIF

/// Files and key rings with trusted keys, as they were named.
struct KeyChoice {
  /// Files with trusted keys.
  var files: [PathArgument] = []
  /// Key rings, files or directories.
  var rings: [PathArgument] = []

  /// Whether none was named.
  var isEmpty: Bool { files.isEmpty && rings.isEmpty }

  /// Reads the keys: those of the runtimes' own rings where nothing was named.
  ///
  /// - Parameter digestsFiles: whether the digests of the files are wanted.
  func read(digestsFiles: Bool = false, _ reporter: Reporter = Reporter()) throws(KeyError) -> TrustedKeys {
    let rings = isEmpty ? TrustedKeys.runtimeRings : rings.map(\.path)
    return try TrustedKeys(files: files.map(\.path), rings: rings, digestsFiles: digestsFiles) {
      reporter.warn($0)
    }
  }
}

/// What `verify` was asked for, apart from the command, so that its short form can do it without the argument parser.
struct Verification {
  var keys = KeyChoice()
  var selection = IntegritySelection()
  /// Whether legacy signatures have to cover more than the primary partition.
  var isEverything = false
  var policy = VerificationPolicy()
  /// Warns of what is to be known about the keys.
  var reporter = Reporter()

  /// Verifies, prints the report, and fails where the verdict is not ok.
  func run(on image: PathArgument, printsJSON: Bool = false) throws {
    let report = try VerificationReport(onFileAt: image.path) { try read().report(on: $0) }
    if printsJSON {
      try Console.write(document: report.document)
    } else {
      try Console.write(lines: report.lines(isStrict: policy.isStrict))
    }
    guard let kind = report.verdict.faultKind else { return }
    let message = report.error?.naming(image.path).description ?? ""
    var failure = ToolFailure(ExitStatus(kind), code: report.verdict.rawValue, message)
    failure.isReported = true
    throw failure
  }

  /// The same with its keys.
  func read() throws(KeyError) -> ImageVerification {
    var verification = ImageVerification(
      try keys.read(reporter), policy: policy, selection: selection)
    verification.includesAll = isEverything
    return verification
  }
}
