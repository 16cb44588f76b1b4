public import Gcrypt
public import OpenPGP
import PEMKeys
public import SIF
public import SystemPackage

/// Keys whose signatures count: OpenPGP certificates and PEM public keys.
///
/// ```swift
/// let keys = try TrustedKeys(contentsOf: "release.asc")
/// ```
public struct TrustedKeys: Sendable {
  /// The OpenPGP keys.
  public private(set) var openPGP: KeyRing
  /// The PEM keys.
  public private(set) var pem: [PublicKey]
  /// The SHA-256 of each file that keys were read from, if that was asked for.
  public private(set) var fileDigests: [[UInt8]] = []

  /// Keys that are in memory; none by default.
  public init(_ openPGP: KeyRing = KeyRing(), pem: [PublicKey] = []) {
    self.openPGP = openPGP
    self.pem = pem
  }

  /// The keys in a file: OpenPGP (armored, binary, or a GnuPG keybox) or PEM. A private key also works: its public
  /// part is used.
  public init(contentsOf path: String) throws(KeyError) { try self.init(contentsOf: FilePath(path)) }

  /// The keys in a file: OpenPGP (armored, binary, or a GnuPG keybox) or PEM. A private key also works: its public
  /// part is used.
  public init(contentsOf path: FilePath) throws(KeyError) { try self.init(files: [path]) }

  /// The keys of the runtimes' own key rings (``KeyRingFiles/runtimeDirectories``), and of those for all users of the
  /// machine.
  ///
  /// - Parameter notice: called with warnings about the rings.
  public static func ofRuntimes(_ notice: (KeyNotice) -> Void = { _ in }) throws(KeyError) -> TrustedKeys {
    try TrustedKeys(rings: runtimeRings, notice)
  }

  /// The runtimes' own key rings that exist.
  public static var runtimeRings: [FilePath] { KeyRingFiles.usualRings }

  /// The keys of files and key rings.
  ///
  /// - Parameters:
  ///   - files: files as ``init(contentsOf:)-(FilePath)`` reads them.
  ///   - rings: key rings: files, or directories of a container runtime or of GnuPG.
  ///   - digestsFiles: whether to compute ``fileDigests``.
  ///   - notice: called with warnings about the files.
  public init(
    files: [FilePath] = [], rings: [FilePath] = [], digestsFiles: Bool = false,
    _ notice: (KeyNotice) -> Void = { _ in }
  ) throws(KeyError) {
    self.init()
    var loose: [(FilePath, LooseSignature)] = []
    for path in files {
      let bytes = try KeyError.reading(try SecretFile.read(path))
      if digestsFiles { try addDigest(of: bytes) }
      if PEMText.isPEM(bytes) {
        pem += try Self.publicKeys(bytes, of: path)
      } else {
        let ring = try KeyRing(reading: bytes, of: path)
        ring.noticeFaults(path, all: false, notice)
        do throws(OpenPGPError) { try openPGP.merge(ring) } catch {
          throw .contents(error, of: path.printable)
        }
        loose += ring.looseSignatures.map { (path, $0) }
      }
    }
    for directory in rings { KeyRingFiles.notice(ofDirectory: directory, secret: false).map(notice) }
    for path in rings.flatMap({ KeyRingFiles.rings(at: $0, secret: false) }) {
      let bytes = try KeyError.reading(try SecretFile.read(path))
      if bytes.count == 0 { continue }
      if digestsFiles { try addDigest(of: bytes) }
      loose += try openPGP.merge(ofFile: bytes, path, notice).map { (path, $0) }
    }
    // Revocations may be in other files than their keys, so this is known only now.
    let unused = Set(openPGP.unusedSignatures.map(\.issuerKeyID))
    for (path, signature) in loose where unused.contains(signature.issuerKeyID) {
      guard !isEmpty else { throw .contents(signature.withoutKey, of: path.printable) }
      notice(.passedOver(signature.withoutKey, in: path))
    }
  }

  private mutating func addDigest(of bytes: borrowing SecureBytes) throws(KeyError) {
    do { fileDigests.append(try HashContext.digest(.sha256, bytes.span.bytes)) } catch { throw .fault(error) }
  }

  private static func publicKeys(
    _ bytes: borrowing SecureBytes, of path: FilePath
  ) throws(KeyError) -> [PublicKey] {
    do throws(PEMError) {
      guard PEMPrivateKey.isPrivateKey(bytes.span) else { return try PEMPublicKey.read(bytes.span) }
      return [try PEMPrivateKey.read(bytes.span).publicKey]
    } catch {
      throw .contents(error, of: path.printable)
    }
  }

  /// Whether there are no keys.
  public var isEmpty: Bool { openPGP.certificates.isEmpty && pem.isEmpty }

  /// The verifiers that use the keys: one for each format of messages.
  ///
  /// - Parameter time: the time at which signatures are judged.
  public func verifiers(at time: Timestamp = .now) -> [any MessageVerifier] {
    [OpenPGPVerifier(openPGP, now: time), DSSEVerifier(pem)]
  }

  /// The verifiers that use the keys, and besides keys of key servers.
  func verifiers(
    at time: Timestamp, besides found: ServerKeys, believing signers: [String]
  ) throws(OpenPGPError) -> [any MessageVerifier] {
    [try OpenPGPVerifier(openPGP, found, believing: signers, now: time), DSSEVerifier(pem)]
  }
}

/// Tells PEM from OpenPGP, which may also be text.
enum PEMText {
  /// Whether the bytes are PEM.
  static func isPEM(_ bytes: borrowing SecureBytes) -> Bool {
    let text = bytes.span
    guard find("-----BEGIN ", in: text) != nil else { return false }
    return find("-----BEGIN PGP ", in: text) == nil
  }

  private static func find(_ needle: StaticString, in text: Span<UInt8>) -> Int? {
    let count = needle.utf8CodeUnitCount
    guard text.count >= count else { return nil }
    return (0...text.count - count).first { start in
      (0..<count).allSatisfy { text[start + $0] == needle.utf8Start[$0] }
    }
  }
}
