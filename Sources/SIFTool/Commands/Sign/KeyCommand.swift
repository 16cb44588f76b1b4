import ArgumentParser
import Bytes
import CommandKit
import Gcrypt
import ImageTrust
import OpenPGP
import SIF
import StrictJSON

struct KeyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "key", abstract: "Make and manage the OpenPGP keys that sign images.",
    discussion:
      "The key rings are those of the container runtimes. Only search, pull and push use the network.",
    subcommands: [
      KeyNewCommand.self, KeyListCommand.self, KeyImportCommand.self, KeyExportCommand.self,
      KeyRemoveCommand.self, KeySearchCommand.self, KeyPullCommand.self, KeyPushCommand.self,
    ])
}

struct KeyNewCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "new", abstract: "Make a key: Ed25519, or RSA with --rsa.",
    discussion: "Prints the fingerprint. The passphrase protects the secret key.")

  @Option(help: ArgumentHelp("The owner: \"Name <address>\".", valueName: "user id")) var userId: String
  @Flag(help: "Make an RSA key of 4096 bits.") var rsa = false
  @Option(help: ArgumentHelp("The days until the key expires (default: never).", valueName: "days"))
  var expires: UInt16?
  @Flag(help: "Store the secret key without a passphrase: everybody who can read the file can sign with it.")
  var noPassphrase = false
  @OptionGroup(title: "Passphrase") var passphrase: PassphraseOptions
  @OptionGroup(title: "Key ring") var rings: KeyStoreOptions

  var progress: ProgressOptions { rings.progress }

  func execute(_ reporter: Reporter) throws {
    guard !(noPassphrase && passphrase.isGiven) else {
      throw ToolFailure.usage("--no-passphrase excludes --passphrase-fd and --passphrase-file")
    }
    guard expires != 0 else { throw ToolFailure.usage("--expires must be at least 1") }
    let store = try rings.store(reporter)
    let phrase =
      noPassphrase ? try SecureBytes(count: 0) : try passphrase.read(prompt: "Passphrase of the new key: ")
    guard let phrase, noPassphrase || phrase.count > 0 else {
      throw ToolFailure(
        .key, code: "passphrase-needed", "a new key needs a passphrase, or --no-passphrase")
    }
    let time = try WriteOptions.sourceDateEpoch() ?? Timestamp.now
    let made = try GeneratedKey(
      rsa ? .rsa(bits: 4096) : .ed25519, userID: userId, passphrase: phrase, at: time.seconds,
      lifetime: expires.map { UInt32($0) * 86400 })
    try store.add(made)
    try Console.write(line: made.primary.fingerprintText)
  }
}

struct KeyListCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list", abstract: "List the keys in a key ring.")

  @Flag(help: "List the secret keys.") var secret = false
  @OptionGroup(title: "Key ring") var rings: KeyStoreOptions
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  var progress: ProgressOptions { rings.progress }

  func execute(_ reporter: Reporter) throws {
    let ring = try KeyRing(
      contentsOf: try rings.rings(secret: secret, reporter), noticesUnsupported: true, reporter.warn)
    let keys = ring.certificates.filter {
      !secret || ring.secretKey(withFingerprint: $0.primary.fingerprint) != nil
    }
    let now = Timestamp.now.seconds
    if output.json {
      try Console.write(document: [JSONMember("keys", .array(keys.map { $0.json(now) }))])
    } else {
      try Console.write(lines: keys.map { $0.lines(now) }.joined(separator: [""]))
    }
  }
}

struct KeyImportCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "import", abstract: "Add the keys in a file to the key rings.",
    discussion:
      """
      Secret keys go into both key rings. Parts of a public key that are already there, such as a revocation, stay. A \
      revocation certificate is added to the key that it revokes.
      """)

  @Argument(help: "The file with keys or revocations: armored or binary, or a GnuPG keybox.") var file:
    PathArgument
  @OptionGroup(title: "Key ring") var rings: KeyStoreOptions

  var progress: ProgressOptions { rings.progress }

  func execute(_ reporter: Reporter) throws {
    let store = try rings.store(reporter)
    let imported = try store.add(keysIn: file.path, reporter.warn)
    for key in imported.keys {
      reporter.note(
        "imported \(key.isSecret ? "secret" : "public") key \(key.primary.fingerprintText)")
    }
    for key in imported.revoked { reporter.note("imported a revocation of key \(key.fingerprintText)") }
  }
}

struct KeyExportCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "export", abstract: "Write an armored key to standard output.")

  @Argument(help: "The key's fingerprint.") var fingerprint: String
  @Flag(help: "Write the secret key, with the passphrase that it has.") var secret = false
  @OptionGroup(title: "Key ring") var rings: KeyStoreOptions

  var progress: ProgressOptions { rings.progress }

  func execute(_ reporter: Reporter) throws {
    let copies = try KeyStore.copies(
      of: fingerprint, in: try rings.rings(secret: secret, reporter), secret: secret, reporter.warn)
    if secret {
      for key in copies {
        let text = try key.armoredSecretKey()
        try Console.write(raw: text)
      }
    } else {
      try Console.write(raw: KeyArmor.publicKey(copies.flatMap(\.publicPackets)))
    }
  }
}

struct KeyRemoveCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "remove", abstract: "Remove a key from a key ring.",
    discussion: "Only one key ring changes: the public one, or with --secret the secret one.")

  @Argument(help: "The key's fingerprint.") var fingerprint: String
  @Flag(help: "Remove the secret key instead of the public key.") var secret = false
  @OptionGroup(title: "Key ring") var rings: KeyStoreOptions

  var progress: ProgressOptions { rings.progress }

  func execute(_ reporter: Reporter) throws {
    try rings.store(reporter).remove(fingerprint, secret: secret)
  }
}

extension Certificate {
  fileprivate func lines(_ now: Int64) -> [String] {
    var lines = ["\(primary.fingerprintText)  \(primary.algorithmName)"]
    lines += userIDs.map { "  \($0.bytes.printable)" }
    lines.append("  \(status(now: now).text(made: primary.creationTime, now))")
    for subkey in subkeys {
      lines.append("  subkey \(subkey.key.fingerprintText)  \(subkey.key.algorithmName)")
      lines.append("    \(status(of: subkey, now: now).text(made: subkey.key.creationTime, now))")
    }
    return lines
  }

  fileprivate func json(_ now: Int64) -> JSONValue {
    let subkeys = subkeys.map { subkey in
      JSONValue.object(subkey.key.members + status(of: subkey, now: now).members(now))
    }
    return .object(
      primary.members + status(now: now).members(now) + [
        JSONMember("subkeys", .array(subkeys)),
        JSONMember("userIds", .array(userIDs.map { .string($0.text) })),
      ])
  }
}

extension PublicKeyPacket {
  fileprivate var members: [JSONMember] {
    [
      JSONMember("algorithm", .string(algorithmName)),
      JSONMember("createdAt", .string(Timestamp(seconds: creationTime).iso8601)),
      JSONMember("fingerprint", .string(fingerprintText)), JSONMember("keyId", .string(keyIDText)),
    ]
  }
}

extension KeyStatus {
  fileprivate func text(made: Int64, _ now: Int64) -> String {
    var parts = ["made \(Timestamp(seconds: made).iso8601)"]
    if let expiry {
      parts.append("\(expiry <= now ? "expired" : "expires") \(Timestamp(seconds: expiry).iso8601)")
    }
    if isRevoked { parts.append("revoked") }
    if areUserIDsRevoked {
      parts.append("all its user ids were revoked")
    } else if !isBound, !isRevoked {
      parts.append("without a valid self-signature")
    }
    return parts.joined(separator: ", ")
  }

  fileprivate func members(_ now: Int64) -> [JSONMember] {
    [
      JSONMember("expiresAt", expiry.map { .string(Timestamp(seconds: $0).iso8601) } ?? .null),
      JSONMember("revoked", .bool(isRevoked)), JSONMember("valid", .bool(isValid(now: now))),
    ]
  }
}
