import CommandKit
import ImageTrust
import SIF
import Transport

/// The files and key rings with trusted keys that the user named.
struct KeyChoice {
  /// Files with trusted keys.
  var files: [PathArgument] = []
  /// Key rings, files or directories.
  var rings: [PathArgument] = []

  /// Whether none was named.
  var isEmpty: Bool { files.isEmpty && rings.isEmpty }

  /// Reads the keys; those of the runtimes' own rings if none were named.
  ///
  /// - Parameter digestsFiles: whether to compute the digests of the files.
  func read(digestsFiles: Bool = false, _ reporter: Reporter = Reporter()) throws(KeyError) -> TrustedKeys {
    let rings = isEmpty ? TrustedKeys.runtimeRings : rings.map(\.path)
    return try TrustedKeys(files: files.map(\.path), rings: rings, digestsFiles: digestsFiles) {
      reporter.warn($0)
    }
  }
}

/// The work of `verify`, apart from the command, so that its short form can do it without the argument parser.
struct Verification {
  var keys = KeyChoice()
  var selection = IntegritySelection()
  /// Whether legacy signatures must cover every object, and not only the primary partition.
  var isEverything = false
  var policy = VerificationPolicy()
  /// The addresses of key servers that are asked for missing keys.
  var keyservers: [String] = []
  /// Prints warnings about the keys.
  var reporter = Reporter()

  /// Verifies, prints the report, and fails unless the verdict is ok.
  func run(on image: PathArgument, printsJSON: Bool = false) throws {
    // A wrong address is told, whether or not a key is missing.
    let access = keyservers.isEmpty ? nil : try KeyserverAccess(keyservers, .ofVerification, reporter)
    let report = try VerificationReport(onFileAt: image.path) { image in
      var verification = try read()
      if let access { verification.serverKeys = try access.missingKeys(verification, in: image, reporter) }
      return try verification.report(on: image)
    }
    if printsJSON {
      try Console.write(document: report.document)
    } else {
      try Console.write(lines: report.lines(isStrict: policy.isStrict))
    }
    if report.signatures.contains(where: {
      $0.signers.contains { $0.fault?.code == SignerFault.serverKeyCode }
    }) {
      reporter.note("--signer FINGERPRINT believes a signer whose key came from a key server")
    }
    guard let kind = report.verdict.faultKind else { return }
    let message = report.error?.naming(image.path).description ?? ""
    var failure = ToolFailure(ExitStatus(kind), code: report.verdict.rawValue, message)
    failure.isReported = true
    throw failure
  }

  /// Reads the keys, and returns the verification.
  func read() throws(KeyError) -> ImageVerification {
    var verification = ImageVerification(
      try keys.read(reporter), policy: policy, selection: selection)
    verification.includesAll = isEverything
    return verification
  }
}

extension HTTPSettings {
  /// A verification waits for a key server for a short time, and not twice.
  fileprivate static var ofVerification: HTTPSettings {
    var settings = HTTPSettings()
    settings.connectTimeout = 10
    settings.stallTimeout = 15
    settings.retryDelays = []
    return settings
  }
}
