import ArgumentParser
import CommandKit
import Gcrypt
import Glibc
import ImageTrust
import LUKS
import PEMKeys
import SIF
import SystemPackage

/// What opens an encrypted partition.
struct VolumeKeyOptions: ParsableArguments {
  @OptionGroup var passphrase: PassphraseOptions

  @Option(
    help: ArgumentHelp(
      "The private RSA key that opens an encrypted partition.",
      discussion: "Where the key is encrypted itself, the passphrase options are about that.",
      valueName: "file"))
  var pemPath: [PathArgument] = []

  @OptionGroup var permissions: VolumePermissionOptions

  /// Closes the descriptors that the options and variables name, read or not: no program is to have them.
  func closeDescriptors() {
    let named =
      [passphrase.passphraseFile].compactMap { $0 } + pemPath + VolumeKeySource.pemPathsOfEnvironment
    let paths = named.map(\.path)
    for number in [passphrase.passphraseFd].compactMap({ $0 }) + paths.compactMap(SecretInput.descriptor) {
      SecretInput.closeDescriptor(number)
    }
  }

  /// The same without the parser's.
  var source: VolumeKeySource {
    var source = VolumeKeySource()
    source.passphrase.descriptor = passphrase.passphraseFd
    source.passphrase.file = passphrase.passphraseFile
    source.pemPaths = pemPath
    source.allowsAnyCost = permissions.allowKdfCost
    source.allowsAnyCipher = permissions.allowCipher
    return source
  }
}

/// What opening an encrypted partition may do that it does not by itself.
struct VolumePermissionOptions: ParsableArguments {
  @Flag(help: "Open an encrypted partition also where that takes very much memory or time.")
  var allowKdfCost = false
  @Flag(help: "Open an encrypted partition also where its cipher is an unusual one.")
  var allowCipher = false
}

/// Where the key of an encrypted partition comes from.
struct VolumeKeySource {
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

  /// Whether an option names a key.
  var isNamed: Bool { passphrase.isNamed || !pemPaths.isEmpty }

  /// The files that the environment names, where no option or variable gives a passphrase.
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
  /// - Throws: ``ToolFailure`` with the exit code for keys where none is given, or none is for this image.
  func candidates(_ object: Descriptor, in image: Image) throws -> [VolumeKeyCandidate] {
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

  // MARK: Wrapped keys

  private func unwrap(
    _ paths: [PathArgument], _ object: Descriptor, _ image: Image
  ) throws -> [VolumeKeyCandidate] {
    let messages = image.wrappedKeys(for: object)
    guard !messages.isEmpty else {
      throw ToolFailure(
        .key, code: "no-message",
        "no cryptographic message is linked to partition \(object.id): no RSA key opens it")
    }
    // A descriptor or a variable gives it once, however many keys it is for.
    let phrase = PassphraseOnce(passphrase)
    var found: [VolumeKeyCandidate] = []
    var reason = ""
    for path in paths {
      let key = try PrivateKeyFile.read(path.path, phrase, reporter)
      for message in messages {
        do {
          found.append(VolumeKeyCandidate(try image.unwrap(message, with: key), message.id))
        } catch let error as PEMError {
          reason = "\(path.path.printable), object \(message.id): \(error.what)"
        }
      }
    }
    guard !found.isEmpty else {
      throw ToolFailure(
        .key, code: "wrong-key",
        messages.count == 1
          ? reason : "none of the \(messages.count) messages of partition \(object.id) is for the key")
    }
    return found
  }
}

/// A key that may open a volume, and the message that held it.
final class VolumeKeyCandidate: Sendable {
  let key: SecureBytes
  let message: UInt32?

  init(_ key: consuming SecureBytes, _ message: UInt32? = nil) {
    self.key = key
    self.message = message
  }
}

/// Private keys in PEM files.
enum PrivateKeyFile {
  /// Reads a key; where it is encrypted, with its passphrase.
  static func read(_ path: FilePath, _ phrase: PassphraseOnce, _ reporter: Reporter) throws -> PEMPrivateKey {
    let name = path.printable
    let bytes = try SecretInput.read(path)
    let none = try SecureBytes(count: 0)
    do throws(PEMError) {
      let key = try PEMPrivateKey.read(bytes.span, passphrase: none)
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

extension Image {
  /// The messages that hold a partition's key, encrypted with RSA-OAEP, in the order of the table.
  func wrappedKeys(for partition: Descriptor) -> [Descriptor] {
    objects(linkedTo: .object(partition.id)).filter { object in
      guard case .cryptographicMessage(let message) = object.metadata else { return false }
      return message.type == .rsaOAEP
    }
  }

  /// The key in a message.
  fileprivate func unwrap(_ message: Descriptor, with key: PEMPrivateKey) throws -> SecureBytes {
    guard message.size <= WrappedKey.maximumBytes else {
      throw PEMError(.tooLarge, "a message of \(message.size) bytes")
    }
    let text = try bytes(of: message).prefix(WrappedKey.maximumBytes)
    return try WrappedKey.unwrap(text.span, with: key.key)
  }
}
