import ArgumentParser
import DSSE
import Gcrypt
import OpenPGP
import PEMKeys
import SIF
import StrictJSON

struct VerifyCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Verify the signatures of an image.",
    discussion: """
      Every signature and every object is reported before the verdict. Never the network: keys come from \
      files and key rings.

      Exit codes: 0 everything is validly signed; 2 not signed, or not fully; 3 not by a trusted or required \
      signer; 4 tampered with; 6 no key at hand.
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
  @Flag(help: "Refuse unsigned objects and unsigned bytes that are not zero, wherever they are.") var strict =
    false
  @OptionGroup var output: JSONOption

  var printsJSON: Bool { output.json }

  func validate() throws {
    guard threshold >= 1 else { throw ValidationError("--threshold must be at least 1") }
    guard !all || groupId.isEmpty && sifId.isEmpty else {
      throw ValidationError("--all excludes --group-id and --sif-id")
    }
  }

  func execute() throws {
    let image = try Image(opening: image.path)
    let (verifiers, hasKeys) = try verifiers()
    let policy = VerificationPolicy(
      requiredSigners: signer, threshold: threshold, isStrict: strict, isLegacy: legacyInsecure,
      hasKeys: hasKeys)
    let report = try ImageVerifier.verify(
      image, selection: selection(image), with: verifiers, policy: policy)
    if output.json {
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
  private func selection(_ image: Image) -> IntegritySelection {
    if legacyInsecure, !all, groupId.isEmpty, sifId.isEmpty, let primary = image.primarySystemPartition {
      return IntegritySelection(objects: [primary.id])
    }
    return IntegritySelection(groups: groupId, objects: sifId.map(\.value))
  }

  private func verifiers() throws -> ([any MessageVerifier], hasKeys: Bool) {
    var ring = KeyRing()
    var pem: [PublicKey] = []
    for file in key {
      let bytes = try SecretInput.read(file.path)
      if KeyFiles.isPEM(bytes) {
        pem += try publicKeys(bytes)
      } else {
        try ring.merge(try KeyFiles.read(bytes, file.path))
      }
    }
    var rings = keyring.map(\.path)
    if key.isEmpty && keyring.isEmpty { rings = KeyFiles.runtimeDirectories.filter(KeyFiles.exists) }
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
