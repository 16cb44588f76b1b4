import Bytes
public import Gcrypt
import Glibc
import LinuxSystem

/// Signs with a key that the user's own `gpg` has: held by gpg-agent, or on a smart card.
///
/// gpg makes only the signature. The message is composed here, in the layout of ``SigningKey``, and verified with the
/// key's public part before it is returned.
public struct GnuPGSigner: Sendable {
  private let program: String
  private let ring: KeyRing
  /// The primary key of the signatures.
  public let primary: PublicKeyPacket
  /// The name that tells gpg which key to use.
  private let userID: String
  private let pinentry: [String]

  /// The most output of gpg, in bytes: the public part of a key and a signature are shorter.
  private static let outputLimit = 16 << 20

  /// Asks gpg for the public part of a key.
  ///
  /// - Parameters:
  ///   - fingerprint: that of a primary key, to let gpg choose among its subkeys, or that of the subkey to sign with.
  ///   - mayPrompt: whether gpg-agent may ask for a passphrase or PIN.
  ///   - program: gpg's name or path.
  /// - Throws: ``OpenPGPError`` with ``OpenPGPError/Code/noKey`` if gpg has no such key, and
  ///   ``OpenPGPError/Code/gnuPG`` if it cannot be run.
  public init(fingerprint: [UInt8], mayPrompt: Bool, program: String = "gpg") throws(OpenPGPError) {
    let digits = Hexadecimal.text(fingerprint, uppercase: true)
    guard [20, 32].contains(fingerprint.count) else {
      throw OpenPGPError(
        .noKey, "a key of gpg is chosen by its whole fingerprint, 40 or 64 hexadecimal digits")
    }
    let exported = try Self.run(program, ["--export", digits])
    guard let ring = try? KeyRing(reading: exported.output),
      let certificate = ring.certificates.first(where: { $0.has(fingerprint) })
    else { throw OpenPGPError(.noKey, "gpg has no key with the fingerprint \(digits)") }
    self.program = program
    self.ring = ring
    primary = certificate.primary
    // The mark makes gpg use exactly this subkey; a primary key without it stands for all of its subkeys.
    userID = certificate.primary.fingerprint == fingerprint ? digits : digits + "!"
    pinentry = mayPrompt ? [] : ["--pinentry-mode", "error"]
    // pinentry asks on the terminal that this names; gpg itself finds no terminal, because its input is a pipe.
    if mayPrompt, let terminal = ttyname(STDIN_FILENO) { setenv("GPG_TTY", terminal, 0) }
  }

  /// Makes a cleartext signed message of a text, as ``SigningKey/clearSign(_:at:)`` does.
  ///
  /// - Parameters:
  ///   - text: lines of UTF-8; the format drops blanks at the end of a line.
  ///   - time: the time of signing that the signature states, in Unix seconds.
  /// - Returns: the message, and the hash that gpg chose: SHA-256, or for larger curves one as strong as the curve.
  public func clearSign(
    _ text: [UInt8], at time: Int64
  ) throws(OpenPGPError) -> (message: [UInt8], hash: HashAlgorithm) {
    let lines = try ClearSignedMessage.canonicalLines(text)
    // gpg takes the first of these hashes that is strong enough for the key.
    let arguments =
      pinentry + [
        "--faked-system-time", "\(time)!", "--personal-digest-preferences", "SHA256 SHA384 SHA512",
        "--no-armor", "--textmode", "--local-user", userID, "--detach-sign",
      ]
    let answer = try Self.run(program, arguments, input: Array(lines.joined(separator: [0x0A])))
    guard answer.status == 0 else {
      throw OpenPGPError(.gnuPG, Self.lastLine(answer.errors) ?? "gpg ended with status \(answer.status)")
    }
    let packet = try Self.onlySignature(answer.output)
    let bytes = ClearSignedMessage.encode(
      lines, hash: packet.hash, signatures: PacketReader.encode(.signature, packet.body))
    let reports = try ClearSignedMessage(reading: bytes).verify(with: ring, now: time)
    guard let report = reports.first, reports.count == 1, let hash = packet.hash.algorithm else {
      throw OpenPGPError(.gnuPG, "gpg made a signature of an unknown kind")
    }
    if !report.isValid {
      throw OpenPGPError(.gnuPG, "gpg made a signature that is not valid: \(report.explanation)")
    }
    guard report.primary?.fingerprint == primary.fingerprint else {
      throw OpenPGPError(.gnuPG, "gpg signed with another key than \(primary.fingerprintText)")
    }
    return (bytes, hash)
  }

  private static func onlySignature(_ bytes: [UInt8]) throws(OpenPGPError) -> (hash: HashID, body: [UInt8]) {
    var reader = PacketReader(bytes.span)
    guard let packet = try reader.next(), packet.type == .signature, packet.body.upperBound == bytes.count
    else { throw OpenPGPError(.gnuPG, "gpg wrote something other than one signature") }
    let signature = try SignaturePacket.read(reader.body(packet), at: packet.body.lowerBound)
    return (signature.hash, Array(bytes[packet.body]))
  }

  private static func run(
    _ program: String, _ arguments: [String], input: [UInt8] = []
  ) throws(OpenPGPError) -> ChildProcess.Outcome {
    do {
      let child = try ChildProcess(running: program, ["--batch", "--no-tty", "--quiet"] + arguments)
      return try child.communicate(input, limit: outputLimit)
    } catch {
      throw OpenPGPError(.gnuPG, error.description)
    }
  }

  /// The last line of gpg's messages, escaped for terminals.
  private static func lastLine(_ errors: [UInt8]) -> String? {
    errors.split(separator: 0x0A).last.map { VisibleText.text($0, doublesBackslashes: true) }
  }
}

extension Certificate {
  /// Whether the primary key or a subkey has a fingerprint.
  fileprivate func has(_ fingerprint: [UInt8]) -> Bool {
    primary.fingerprint == fingerprint || subkeys.contains { $0.key.fingerprint == fingerprint }
  }
}
