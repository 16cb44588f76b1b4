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

  init(_ image: PathArgument) {
    self.image = image
  }

  /// Verifies, prints the report, and fails where the verdict is not ok.
  func run() throws {
    let image = try Image(opening: image.path)
    // Of a truncated image no verdict is given: it is not altered, it is not all there.
    for descriptor in image.descriptors { _ = try image.bytes(of: descriptor) }
    let (verifiers, hasKeys) = try verifiers()
    var policy = policy
    policy.hasKeys = hasKeys
    let report = try ImageVerifier.verify(
      image, selection: selection(of: image), with: verifiers, policy: policy)
    if printsJSON {
      try Console.write(document: report.document)
    } else {
      try Console.write(report.text)
    }
    guard let status = report.verdict.status else { return }
    var failure = ToolFailure(status, code: report.verdict.rawValue, "")
    failure.isReported = true
    throw failure
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

  private func verifiers() throws -> ([any MessageVerifier], hasKeys: Bool) {
    var ring = KeyRing()
    var pem: [PublicKey] = []
    for file in keys {
      let bytes = try SecretInput.read(file.path)
      if KeyFiles.isPEM(bytes) {
        pem += try publicKeys(bytes)
      } else {
        try ring.merge(try KeyFiles.read(bytes, file.path))
      }
    }
    var rings = keyrings.map(\.path)
    if keys.isEmpty && keyrings.isEmpty { rings = KeyFiles.runtimeDirectories.filter(KeyFiles.exists) }
    try ring.merge(try KeyFiles.openPGP(rings.flatMap { KeyFiles.rings(at: $0, secret: false) }))
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
  fileprivate var status: ExitStatus? {
    switch self {
    case .ok: nil
    case .unsigned: .notSigned
    case .untrusted: .untrusted
    case .tampered: .tampered
    case .noKey: .key
    }
  }
}
