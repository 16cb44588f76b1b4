import Bytes
import Gcrypt
import Glibc
import LinuxSystem
public import OpenPGP
public import SystemPackage

/// The places of key rings.
public enum KeyRingFiles {
  /// The directories of the runtimes' key rings: those that the environment names, or if it names none, the defaults in
  /// the home directory. A user who names a ring trusts only that one.
  public static var runtimeDirectories: [FilePath] {
    guard namedDirectories.isEmpty else { return namedDirectories }
    return UserDirectories.families.compactMap { $0.directoryOfHome?.appending("keys") }
  }

  /// The one of them that commands on keys work on: the first that exists, or else the first; nil if none is known.
  package static var usualDirectory: FilePath? {
    runtimeDirectories.first(where: exists) ?? runtimeDirectories.first
  }

  private static var namedDirectories: [FilePath] {
    ["SINGULARITY_SYPGPDIR", "APPTAINER_KEYSPATH"].compactMap(UserDirectories.variable)
  }

  /// The runtimes' key rings for all users of this machine, whether they exist or not. Only root can change them.
  public static var machineRings: [FilePath] {
    ["/etc/singularity", "/etc/apptainer", "/usr/local/etc/singularity", "/usr/local/etc/apptainer"].map {
      FilePath($0).appending(machineName)
    }
  }

  static let machineName = "global-pgp-public"

  /// The rings that count where none is named: the machine's, and the user's own. A user whose environment names one
  /// trusts only that.
  static var usualRings: [FilePath] {
    ((namedDirectories.isEmpty ? machineRings : []) + runtimeDirectories).filter(exists)
  }

  /// The rings at a path: in a directory, those that runtimes and GnuPG keep; a file itself.
  ///
  /// - Parameter secret: whether to find the ring with the secret keys.
  public static func rings(at path: FilePath, secret: Bool) -> [FilePath] {
    guard isDirectory(path) else { return [path] }
    let names = secret ? ["pgp-secret"] : ["pgp-public", machineName, "pubring.kbx", "pubring.gpg"]
    return names.map { path.appending($0) }.filter(exists)
  }

  /// Whether a file of any kind exists at a path.
  package static func exists(_ path: FilePath) -> Bool {
    path.withPlatformString { access($0, F_OK) } == 0
  }

  /// Whether there is a directory at a path.
  package static func isDirectory(_ path: FilePath) -> Bool { mode(of: path, S_IFDIR) != nil }

  /// The permission bits of a file of a kind; nil if it does not exist or is of another kind.
  private static func mode(of path: FilePath, _ kind: mode_t) -> mode_t? {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0, status.st_mode & S_IFMT == kind else {
      return nil
    }
    return status.st_mode & 0o777
  }

  /// The warning about a file with a private key that others can read; nil if only the owner can.
  public static func notice(ofPrivateKeyIn path: FilePath) -> KeyNotice? {
    mode(of: path, S_IFREG).flatMap { $0 & 0o077 != 0 ? .sharedPrivateKey(path) : nil }
  }

  /// The warning about a directory of key rings that others can change or, if it is about secret keys, enter; nil for a
  /// safe one. A key that somebody adds to a ring is trusted.
  public static func notice(ofDirectory path: FilePath, secret: Bool) -> KeyNotice? {
    guard let mode = mode(of: path, S_IFDIR), mode & (secret ? 0o077 : 0o022) != 0 else { return nil }
    return .openDirectory(path, canBeChanged: mode & 0o022 != 0)
  }
}

extension KeyRing {
  /// More faults of a file than these are only counted.
  private static let mostNotices = 8

  /// The keys in some files. Empty files, which runtimes leave behind, have none.
  ///
  /// - Parameters:
  ///   - noticesUnsupported: whether to give notices also of intact keys and signatures of a kind that is not
  ///     implemented.
  ///   - notice: called with warnings about the files.
  public init(
    contentsOf paths: [FilePath], noticesUnsupported: Bool = false, _ notice: (KeyNotice) -> Void = { _ in }
  ) throws(KeyError) {
    self.init()
    for path in paths {
      let bytes = try KeyError.reading(try SecretFile.read(path))
      if bytes.count > 0 {
        try merge(ofFile: bytes, path, noticesUnsupported: noticesUnsupported, notice)
      }
    }
  }

  /// Adds the keys in a file of a key ring.
  ///
  /// - Returns: the signatures outside of any key in it.
  @discardableResult
  mutating func merge(
    ofFile bytes: borrowing SecureBytes, _ path: FilePath, noticesUnsupported: Bool = false,
    _ notice: (KeyNotice) -> Void
  ) throws(KeyError) -> [LooseSignature] {
    let ring = try KeyRing(reading: bytes, of: path)
    if !ring.secretKeys.isEmpty { KeyRingFiles.notice(ofPrivateKeyIn: path).map(notice) }
    ring.noticeFaults(path, all: noticesUnsupported, notice)
    do throws(OpenPGPError) { try merge(ring) } catch { throw .contents(error, of: path.printable) }
    return ring.looseSignatures
  }

  /// The keys in the bytes of a file.
  init(reading bytes: borrowing SecureBytes, of path: FilePath) throws(KeyError) {
    do { try self.init(reading: bytes.span) } catch {
      if let what = ForeignFile.description(of: bytes.span) { throw .foreign(what, path.printable) }
      throw .contents(error, of: path.printable)
    }
  }

  /// Tells which faults were skipped in a file.
  func noticeFaults(_ path: FilePath, all: Bool, _ notice: (KeyNotice) -> Void) {
    let faults = skipped.filter { all || $0.code != .unsupported }
    for fault in faults.prefix(Self.mostNotices) { notice(.passedOver(fault, in: path)) }
    if faults.count > Self.mostNotices {
      notice(.moreWasPassedOver(count: faults.count - Self.mostNotices, in: path))
    }
  }
}
