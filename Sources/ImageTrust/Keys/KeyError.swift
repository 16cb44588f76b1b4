public import Bytes
import Gcrypt
import LinuxSystem
public import OpenPGP
public import SystemPackage

/// The reason why a key was not found, read or stored.
public enum KeyError: Fault {
  /// A fault that names its own subject: from the operating system, from libgcrypt, or in a key.
  case fault(any Fault)
  /// A fault of the keys in a file or key ring, with the name that users know it by.
  case contents(any Fault, of: String)
  /// A file that is something else than keys that are known here: what it is, and the file.
  case foreign(String, String)
  /// A revocation in a file revokes a key that the key rings in a directory do not have: the key's ID, the file, the
  /// directory.
  case noKeyToRevoke(String, in: FilePath, FilePath)
  /// A file or key ring has no private key.
  case noPrivateKey(in: String, hasPublicKey: Bool)
  /// A file or key ring does not have the key of a fingerprint.
  case noKey(fingerprint: String, in: String)
  /// A key store does not have the key of a fingerprint.
  case notStored(fingerprint: String, isSecret: Bool)
  /// A file or key ring has several keys, and none was chosen.
  case severalKeys(in: String)
  /// The passphrase of a private key is not known.
  case locked(LockedKey)
  /// A fingerprint was given to choose an OpenPGP key, and the key is in PEM.
  case notOpenPGP
  /// Several keys were given to sign together, and the one in a file is not in PEM.
  case notPEM(file: String)
  /// No key was given to sign with.
  case noKeyToSignWith
  /// A key ring is not written, since the parts of it that cannot be read would be lost.
  case brokenRing(FilePath, OpenPGPError)
  /// Key rings are kept in a directory, and something else is in its place.
  case notDirectory(FilePath)

  /// A stable word for scripts.
  public var identifier: String {
    switch self {
    case .fault(let fault), .contents(let fault, _): fault.identifier
    case .noPrivateKey, .noKey, .notStored, .noKeyToSignWith, .foreign, .noKeyToRevoke: "no-key"
    case .severalKeys: "ambiguous-key"
    case .locked: "passphrase-needed"
    case .notOpenPGP, .notPEM: "usage"
    case .brokenRing(_, let fault): fault.identifier
    case .notDirectory: "system"
    }
  }

  /// The kind of fault.
  public var kind: FaultKind {
    switch self {
    case .fault(let fault): fault.kind
    case .notOpenPGP, .notPEM: .argument
    case .notDirectory: .system
    default: .key
    }
  }

  /// The fault that caused this one.
  public var underlying: (any Fault)? {
    switch self {
    case .fault(let fault), .contents(let fault, _): fault
    case .brokenRing(_, let fault): fault
    default: nil
    }
  }

  /// One sentence: what is wrong, and with which key or file.
  public var description: String {
    switch self {
    case .fault(let fault): fault.description
    case .contents(let fault, let name): "\(name): \(fault.description)"
    case .foreign(let what, let name): "\(name): \(what)"
    case .noKeyToRevoke(let keyID, let file, let directory):
      "\(file.printable): it revokes key \(keyID), which is not in \(directory.printable): import the key first"
    case .noPrivateKey(let name, let hasPublicKey):
      hasPublicKey
        ? "\(name): there is no private key, only a public one; signing needs the private one"
        : "\(name): there is no private key"
    case .noKey(let fingerprint, let name): "\(name): no key has the fingerprint \(Self.shown(fingerprint))"
    case .notStored(let fingerprint, let isSecret):
      "no \(isSecret ? "secret" : "public") key has the fingerprint \(Self.shown(fingerprint))"
    case .severalKeys(let name): "\(name): there are several keys"
    case .locked(.openPGP(let keyID)): "key \(keyID) is locked by a passphrase"
    case .locked(.pem(let file)): "\(file): the private key is encrypted"
    case .notOpenPGP: "a fingerprint chooses an OpenPGP key, but the given key is in PEM"
    case .notPEM(let file): "only PEM keys sign together, and \(file) holds an OpenPGP key"
    case .noKeyToSignWith: "no key to sign with"
    case .brokenRing(let path, let fault):
      "\(path.printable): \(fault.description): the ring is not changed, because the rest of it would be lost"
    case .notDirectory(let path): "\(path.printable) is not a directory, which key rings are kept in"
    }
  }

  private static func shown(_ fingerprint: String) -> String {
    VisibleText.text(fingerprint.utf8, doublesBackslashes: false)
  }
}

// Calls whose faults name their own subject. Autoclosures keep the type of the thrown error.
extension KeyError {
  static func reading(
    _ call: @autoclosure () throws(SecretFileError) -> SecureBytes
  ) throws(KeyError) -> SecureBytes {
    do { return try call() } catch { throw .fault(error) }
  }

  static func openPGP<Result: ~Copyable>(
    _ call: @autoclosure () throws(OpenPGPError) -> Result
  ) throws(KeyError) -> Result {
    do { return try call() } catch { throw .fault(error) }
  }

  static func gcrypt<Result: ~Copyable>(
    _ call: @autoclosure () throws(GcryptError) -> Result
  ) throws(KeyError) -> Result {
    do { return try call() } catch { throw .fault(error) }
  }

  static func system<Result: ~Copyable>(
    _ call: @autoclosure () throws(SystemError) -> Result
  ) throws(KeyError) -> Result {
    do { return try call() } catch { throw .fault(error) }
  }
}
