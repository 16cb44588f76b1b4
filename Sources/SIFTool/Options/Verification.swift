import DSSE
import Gcrypt
import OpenPGP
import PEMKeys
import SIF
import StrictJSON

/// What `verify` was asked for, and how it is done: apart from the command, so that ``ShortPath`` can do it without
/// the argument parser.
struct Verification {
  let image: PathArgument
  /// Files with trusted keys.
  var keys: [PathArgument] = []
  /// Key rings, files or directories. The runtimes' own where neither these nor ``keys`` are given.
  var keyrings: [PathArgument] = []
  var selection = IntegritySelection()
  /// Whether legacy signatures have to cover more than the primary partition.
  var isEverything = false
  var policy = VerificationPolicy()
  var printsJSON = false
  /// Whether warnings are left out.
  var isQuiet = false

  init(_ image: PathArgument) {
    self.image = image
  }

  /// Verifies, prints the report, and fails where the verdict is not ok.
  func run() throws {
    let report = try report()
    if printsJSON {
      try Console.write(document: report.document)
    } else {
      try Console.write(lines: report.lines(isStrict: policy.isStrict))
    }
    guard let status = report.verdict.status else { return }
    let message = report.error?.naming(image.path).description ?? ""
    var failure = ToolFailure(status, code: report.verdict.rawValue, message)
    failure.isReported = true
    throw failure
  }

  private func report() throws -> VerificationReport {
    var storage: FileStorage?
    let image: Image
    do throws(SIFError) {
      let opened = try FileStorage(opening: self.image.path)
      storage = opened
      image = try Image(reading: opened)
    } catch {
      // What fails otherwise says nothing of the image.
      guard ToolFailure(error).status == .malformed else { throw error.naming(self.image.path) }
      return VerificationReport(of: storage, unreadable: error)
    }
    return try report(on: image)
  }

  /// Verifies an image that is open already: whatever is done with it afterwards is done with the same file.
  func report(on image: Image) throws -> VerificationReport {
    let (verifiers, hasKeys) = try verifiers()
    var policy = policy
    policy.hasKeys = hasKeys
    return try ImageVerifier.verify(
      image, selection: selection(of: image), with: verifiers, policy: policy)
  }

  /// Refuses to go on with an open image unless the verdict is ok and covers an object.
  func require(on image: Image, covering object: UInt32) throws {
    let report = try report(on: image)
    guard let status = report.verdict.status else {
      guard report.objects.contains(where: { $0.id == object && !$0.signedBy.isEmpty }) else {
        throw ToolFailure(.notSigned, code: "unsigned", "no signature covers object \(object)")
      }
      return
    }
    let reasons = report.reasons.isEmpty ? "" : ": " + report.reasons.joined(separator: "; ")
    throw ToolFailure(
      status, code: report.verdict.rawValue, "the image's verdict is \(report.verdict.rawValue)\(reasons)")
  }

  /// What was asked for. Legacy signatures commonly cover the primary partition alone: so the runtimes look at
  /// nothing else unless told to.
  private func selection(of image: Image) -> IntegritySelection {
    if policy.isLegacy, !isEverything, selection == IntegritySelection(),
      let primary = image.primarySystemPartition
    {
      return IntegritySelection(objects: [primary.id])
    }
    return selection
  }

  /// What verifies with the given keys, and whether there is any key.
  ///
  /// - Parameter note: told the bytes of each file that keys are read from.
  func verifiers(
    note: (borrowing SecureBytes) throws -> Void = { _ in }
  ) throws -> ([any MessageVerifier], hasKeys: Bool) {
    var ring = KeyRing()
    var pem: [PublicKey] = []
    for file in keys {
      let bytes = try SecretInput.read(file.path)
      try note(bytes)
      if KeyFiles.isPEM(bytes) {
        pem += try publicKeys(bytes)
      } else {
        let read = try KeyFiles.read(bytes, file.path)
        KeyFiles.warnOfSkipped(read, file.path, all: false, isQuiet: isQuiet)
        try ring.merge(read)
      }
    }
    var rings = keyrings.map(\.path)
    if keys.isEmpty && keyrings.isEmpty { rings = KeyFiles.runtimeDirectories.filter(KeyFiles.exists) }
    for directory in rings { KeyFiles.warnIfOpen(directory, secret: false, isQuiet: isQuiet) }
    let files = rings.flatMap { KeyFiles.rings(at: $0, secret: false) }
    if !files.isEmpty { try ring.merge(try KeyFiles.openPGP(files, isQuiet: isQuiet, note: note)) }
    let verifiers: [any MessageVerifier] = [
      OpenPGPVerifier(ring, now: CurrentTime.timestamp), try DSSEVerifier(pem),
    ]
    return (verifiers, !ring.certificates.isEmpty || !pem.isEmpty)
  }

  private func publicKeys(_ bytes: borrowing SecureBytes) throws -> [PublicKey] {
    guard PEMPrivateKey.isPrivateKey(bytes.span) else { return try PEMPublicKey.read(bytes.span) }
    let none = try SecureBytes(count: 0)
    return [try PEMPrivateKey.read(bytes.span, passphrase: none).publicKey]
  }
}

extension IntegrityVerdict {
  /// The exit code; nil for ok.
  var status: ExitStatus? {
    switch self {
    case .ok: nil
    case .unsigned: .notSigned
    case .untrusted: .untrusted
    case .tampered: .tampered
    case .malformed: .malformed
    case .noKey: .key
    }
  }
}
