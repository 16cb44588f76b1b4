import Bytes
public import Gcrypt
import Glibc
import LinuxSystem

/// Signs with a key that the user's own `gpg` has: held by gpg-agent, or on a smart card.
///
/// Only the signature is gpg's. The message is put together here, in the layout that ``SigningKey`` gives it, and
/// verified with the key's public part before it is handed on.
public struct GnuPGSigner: Sendable {
  private let program: String
  private let ring: KeyRing
  /// The primary key that signatures are by.
  public let primary: PublicKeyPacket
  /// How gpg is told which key to use.
  private let userID: String
  private let pinentry: [String]

  /// More than the public part of any key is long, and than any signature is, in bytes.
  private static let outputLimit = 16 << 20

  /// Asks gpg for the public part of a key.
  ///
  /// - Parameters:
  ///   - fingerprint: of a primary key, where gpg chooses among its subkeys, or of the subkey that shall sign.
  ///   - mayPrompt: whether gpg-agent may ask for a passphrase or PIN.
  ///   - program: gpg's name or path.
  /// - Throws: ``OpenPGPError`` with ``OpenPGPError/Code/noKey`` where gpg has no such key, and
  ///   ``OpenPGPError/Code/gnuPG`` where it cannot be run.
  public init(fingerprint: [UInt8], mayPrompt: Bool, program: String = "gpg") throws(OpenPGPError) {
    let digits = Hexadecimal.text(fingerprint, uppercase: true)
    guard [20, 32].contains(fingerprint.count) else {
      throw OpenPGPError(.noKey, "gpg's keys are named by their whole fingerprint, 40 hexadecimal digits")
    }
    let exported = try Self.run(program, ["--export", digits])
    guard let ring = try? KeyRing(reading: exported.output),
      let certificate = ring.certificates.first(where: { $0.has(fingerprint) })
    else { throw OpenPGPError(.noKey, "gpg has no key with the fingerprint \(digits)") }
    self.program = program
    self.ring = ring
    primary = certificate.primary
    // The mark keeps gpg to a subkey; a primary key without it stands for all of its subkeys.
    userID = certificate.primary.fingerprint == fingerprint ? digits : digits + "!"
    pinentry = mayPrompt ? [] : ["--pinentry-mode", "error"]
    // pinentry asks on the terminal that this names; gpg itself finds none, as its input is a pipe.
    if mayPrompt, let terminal = ttyname(STDIN_FILENO) { setenv("GPG_TTY", terminal, 0) }
  }

  /// Makes a cleartext signed message of a text, as ``SigningKey/clearSign(_:at:)`` does.
  ///
  /// - Parameters:
  ///   - text: lines of UTF-8; trailing blanks of a line are not kept, as the format has it.
  ///   - time: when the signature says it was made, in Unix seconds.
  /// - Returns: the message, and the hash that gpg chose: SHA-256 or, for the larger curves, one of their own strength.
  public func clearSign(
    _ text: [UInt8], at time: Int64
  ) throws(OpenPGPError) -> (message: [UInt8], hash: HashAlgorithm) {
    let lines = try ClearSignedMessage.canonicalLines(text)
    // In this order gpg takes the first hash that is as strong as the key needs.
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
      throw OpenPGPError(.gnuPG, "gpg made no signature that is known here")
    }
    if let fault = report.fault {
      throw OpenPGPError(.gnuPG, "gpg made a signature that does not count: \(fault.explanation)")
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

  /// What gpg says last, with what could disturb a terminal escaped.
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
