import ArgumentParser
import Bytes
import CommandKit
import Gcrypt
import LUKS
import Partitions
import PEMKeys
import SIF
import SystemPackage

/// The cost of deriving a key.
struct KeyDerivationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The key derivation function: argon2id, argon2i or pbkdf2.", valueName: "name"))
  var kdf = "argon2id"
  @Option(
    help: ArgumentHelp(
      "The memory that Argon2 takes at each opening (default: 64M, which also suits small machines).",
      discussion: "A number without a unit is in MiB.", valueName: "size"))
  var kdfMemory: SizeArgument?
  @Option(
    help: ArgumentHelp(
      "The passes of Argon2 (default: 4) or the iterations of PBKDF2 (default: 1000000).", valueName: "n"))
  var kdfTime: UInt32?

  /// The cost, checked.
  func cost() throws -> KeyDerivationCost {
    guard let algorithm = KeyDerivationCost.Algorithm(rawValue: kdf) else {
      throw ToolFailure.usage("--kdf must be argon2id, argon2i or pbkdf2")
    }
    var cost = KeyDerivationCost.standard(algorithm)
    if let kdfMemory {
      guard algorithm != .pbkdf2 else { throw ToolFailure.usage("--kdf-memory does not apply to pbkdf2") }
      let (bytes, overflow) = kdfMemory.bytes.multipliedReportingOverflow(by: kdfMemory.isBare ? 1 << 20 : 1)
      guard !overflow, let memory = UInt32(exactly: bytes >> 10) else {
        throw ToolFailure.usage("--kdf-memory is more than 4 GiB")
      }
      cost.memory = memory
      try ToolFailure.reading("--kdf-memory") { try cost.check() }
    }
    if let kdfTime { cost.time = kdfTime }
    try ToolFailure.reading("--kdf-time") { try cost.check() }
    return cost
  }
}

/// The format of a new volume.
struct VolumeShapeOptions: ParsableArguments {
  @OptionGroup var derivation: KeyDerivationOptions
  @Option(help: ArgumentHelp("The sector size: 512, 1K, 2K or 4K.", valueName: "size"))
  var sectorSize = SizeArgument(4096)
  @Option(
    help: ArgumentHelp(
      "The offset of the data: 1M leaves room for three keys, 16M is what the runtimes use.",
      valueName: "size"))
  var luksOffset = SizeArgument(1 << 20)

  /// The names of these options.
  static let names = ["kdf", "kdf-memory", "kdf-time", "sector-size", "luks-offset"]

  /// The options of a volume, checked.
  func options() throws -> FormatOptions {
    var options = FormatOptions(sectorSize: Int(sectorSize.bytes), kdf: try derivation.cost())
    try ToolFailure.reading("--sector-size") { try options.check() }
    options.dataOffset = luksOffset.bytes
    try ToolFailure.reading("--luks-offset") { try options.check() }
    return options
  }
}

/// The source of the key that opens a new volume, or a new key slot.
struct NewVolumeKeySource {
  var passphrase = PassphraseSource(variables: VolumeKeySource.passphraseVariables)
  var pemPaths: [PathArgument] = []
  /// The form of the partition that the key is for.
  var format = EncryptionFormat.luks
  /// Whether the runtimes' variables may name a file with a key.
  var usesRuntimeVariables = true
  /// The names of the options, for messages.
  var optionNames = "--passphrase-file, --passphrase-fd or --pem-path"

  /// Reads the key: a passphrase, or random bytes that are wrapped for the given public keys.
  ///
  /// - Parameter shared: an existing key to wrap for the public keys, in place of a new one.
  func read(sharing shared: VolumeKeyCandidate? = nil) throws -> NewVolumeKey {
    guard pemPaths.isEmpty || !passphrase.isNamed else {
      throw ToolFailure.usage("a passphrase and an RSA key exclude each other")
    }
    if !pemPaths.isEmpty {
      let recipients = try pemPaths.flatMap { try Self.read($0.path) }
      do {
        if let shared { return try NewVolumeKey(sharing: shared, with: recipients) }
        return try NewVolumeKey(recipients: recipients, for: format)
      } catch let error as PEMError {
        throw ToolFailure(error, pemPaths.map(\.path.printable).joined(separator: ", "))
      }
    }
    if let named = try passphrase.readNamed() { return try NewVolumeKey(passphrase: named) }
    if let value = try passphrase.readEnvironment() { return try NewVolumeKey(passphrase: value) }
    let paths = usesRuntimeVariables ? VolumeKeySource.pemPathsOfEnvironment : []
    if !paths.isEmpty {
      return try NewVolumeKey(recipients: try paths.flatMap { try Self.read($0.path) }, for: format)
    }
    guard let typed = try SecretInput.prompt("New passphrase: "),
      let again = try SecretInput.prompt("Repeat the passphrase: ")
    else { throw ToolFailure(.key, code: "no-key", "a passphrase or key is needed: give \(optionNames)") }
    guard typed.equals(again.span) else {
      throw ToolFailure(.key, code: "wrong-key", "the two passphrases differ")
    }
    return try NewVolumeKey(passphrase: typed)
  }

  /// The public keys in a file; for a private key, its public part.
  private static func read(_ path: FilePath) throws -> [PublicKey] {
    let name = path.printable
    let bytes = try SecretInput.read(path)
    do throws(PEMError) {
      guard PEMPrivateKey.isPrivateKey(bytes.span) else { return try PEMPublicKey.read(bytes.span) }
      return [try PEMPrivateKey.read(bytes.span).publicKey]
    } catch { throw ToolFailure(error, name) }
  }
}

/// The options that encrypt an image while it is packed.
struct PackEncryptionOptions: ParsableArguments {
  @Flag(help: "Encrypt the root file system; none of it is written to disk unencrypted.") var encrypt = false
  @OptionGroup var passphrase: PassphraseOptions
  @Option(
    help: ArgumentHelp(
      "The public RSA key of a recipient: 2048 to 8192 bits, in PEM (repeatable).", valueName: "file"))
  var pemPath: [PathArgument] = []
  @OptionGroup var shape: VolumeShapeOptions

  /// The options that do nothing without `--encrypt`.
  var idleOptions: [IdleOptions] {
    guard !encrypt else { return [] }
    return [
      IdleOptions(
        ["passphrase-fd", "passphrase-file", "pem-path"] + VolumeShapeOptions.names, reason: "needs --encrypt"
      )
    ]
  }

  /// The key and the format of the volume; nil without `--encrypt`.
  func read() throws -> (key: NewVolumeKey, options: FormatOptions)? {
    guard encrypt else { return nil }
    var source = NewVolumeKeySource()
    source.passphrase.descriptor = passphrase.passphraseFd?.number
    source.passphrase.file = passphrase.passphraseFile
    source.pemPaths = pemPath
    let options = try shape.options()
    return (try source.read(), options)
  }
}
