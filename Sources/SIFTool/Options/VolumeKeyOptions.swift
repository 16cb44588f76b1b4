import ArgumentParser
import Bytes
import CommandKit
import Gcrypt
import Glibc
import ImageTrust
import Partitions
import PEMKeys
import SIF
import SystemPackage

/// The key of an encrypted partition.
struct VolumeKeyOptions: ParsableArguments {
  @OptionGroup var passphrase: PassphraseOptions

  @Option(
    help: ArgumentHelp(
      "The private RSA key that opens the encrypted partition (repeatable).",
      discussion: "If the key file is encrypted, the passphrase options unlock it.",
      valueName: "file"))
  var pemPath: [PathArgument] = []

  @OptionGroup var permissions: VolumePermissionOptions

  /// The names of these options.
  static let names = ["passphrase-fd", "passphrase-file", "pem-path", "allow-kdf-cost", "allow-cipher"]

  /// The same values, independent of ArgumentParser.
  var source: VolumeKeySource {
    var source = VolumeKeySource()
    source.passphrase.descriptor = passphrase.passphraseFd?.number
    source.passphrase.file = passphrase.passphraseFile
    source.pemPaths = pemPath
    source.allowsAnyCost = permissions.allowKdfCost
    source.allowsAnyCipher = permissions.allowCipher
    return source
  }
}

/// The limits that opening an encrypted partition may exceed on request.
struct VolumePermissionOptions: ParsableArguments {
  @Flag(help: "Open the encrypted partition even if that takes very much memory or time.")
  var allowKdfCost = false
  @Flag(help: "Open the encrypted partition even if its cipher is unusual.")
  var allowCipher = false
}

/// The source of the key of an encrypted partition.
struct VolumeKeySource: VolumeKeyProvider {
  /// The variables of the container runtimes, and our own.
  static let passphraseVariables = [
    "SIFTOOL_PASSPHRASE", "SINGULARITY_ENCRYPTION_PASSPHRASE", "APPTAINER_ENCRYPTION_PASSPHRASE",
  ]
  /// The runtimes' variables that name a file with an RSA key.
  private static let pemVariables = ["SINGULARITY_ENCRYPTION_PEM_PATH", "APPTAINER_ENCRYPTION_PEM_PATH"]

  var passphrase = PassphraseSource(variables: passphraseVariables)
  var pemPaths: [PathArgument] = []
  var allowsAnyCost = false
  var allowsAnyCipher = false
  var reporter = Reporter()

  /// Closes the descriptors that options and variables name, read or not, so that no program inherits them.
  func closeDescriptors() {
    let paths = ([passphrase.file].compactMap { $0 } + pemPaths + Self.pemPathsOfEnvironment).map(\.path)
    for number in [passphrase.descriptor].compactMap({ $0 }) + paths.compactMap(SecretInput.descriptor) {
      SecretInput.closeDescriptor(number)
    }
  }

  /// Whether an option names a key.
  var isNamed: Bool { passphrase.isNamed || !pemPaths.isEmpty }

  /// The key files that the environment names, used if no option or variable gives a passphrase.
  static var pemPathsOfEnvironment: [PathArgument] {
    for name in pemVariables {
      if let value = getenv(name), value.pointee != 0 {
        return [PathArgument(FilePath(platformString: value))]
      }
    }
    return []
  }

  /// The keys to try on a partition, each with the ids of the messages that it was wrapped in.
  ///
  /// - Throws: ``ToolFailure`` with the exit code for keys if none is given, or none is for this image.
  func candidates(for object: Descriptor, in image: Image) throws -> [VolumeKeyCandidate] {
    if !pemPaths.isEmpty { return try unwrap(pemPaths, object, image) }
    let question = "Passphrase of partition \(object.id): "
    if let named = try passphrase.readNamed() { return [VolumeKeyCandidate(named)] }
    if let value = try passphrase.readEnvironment() { return [VolumeKeyCandidate(value)] }
    let paths = Self.pemPathsOfEnvironment
    if !paths.isEmpty { return try unwrap(paths, object, image) }
    if let typed = try SecretInput.prompt(question) { return [VolumeKeyCandidate(typed)] }
    throw ToolFailure(
      .key, code: "encrypted",
      "partition \(object.id) is encrypted: give --passphrase-file, --passphrase-fd or --pem-path")
  }

  /// Tells the cost before the user has to wait.
  func willUnlock(_ object: Descriptor, cost: String) {
    reporter.note("opening partition \(object.id): \(cost)")
  }

  private func unwrap(
    _ paths: [PathArgument], _ object: Descriptor, _ image: Image
  ) throws -> [VolumeKeyCandidate] {
    // A descriptor or a variable can be read only once, though the passphrase may be for several keys.
    let phrase = PassphraseOnce(passphrase)
    return try image.unwrapKeys(for: object) {
      try paths.map { path in
        (path.path.printable, try PrivateKeyFile.read(path.path, phrase, reporter))
      }
    }
  }
}

/// Private keys in PEM files.
enum PrivateKeyFile {
  /// Reads a key, with its passphrase if it is encrypted.
  static func read(_ path: FilePath, _ phrase: PassphraseOnce, _ reporter: Reporter) throws -> PEMPrivateKey {
    let name = path.printable
    let bytes = try SecretInput.read(path)
    do throws(PEMError) {
      let key = try PEMPrivateKey.read(bytes.span)
      guard !phrase.source.isNamed else {
        throw PEMError(.unsupported, "the key is not encrypted: it takes no passphrase")
      }
      KeyRingFiles.notice(ofPrivateKeyIn: path).map { reporter.warn($0) }
      return key
    } catch {
      guard error.code == .passphraseNeeded else { throw ToolFailure(error, name) }
    }
    KeyRingFiles.notice(ofPrivateKeyIn: path).map { reporter.warn($0) }
    do {
      if let given = try phrase.readGiven() {
        return try PEMPrivateKey.read(bytes.span, passphrase: given)
      }
      guard let typed = try SecretInput.prompt("Passphrase of the key in \(name): ") else {
        throw ToolFailure(.key, code: "passphrase-needed", "\(name): the private key is encrypted")
      }
      return try PEMPrivateKey.read(bytes.span, passphrase: typed)
    } catch let error as PEMError { throw ToolFailure(error, name) }
  }
}

extension ToolFailure {
  /// A fault of a key file.
  init(_ error: PEMError, _ name: String) {
    self.init(.key, code: error.code.rawValue, "\(name): \(error.what)")
  }
}
