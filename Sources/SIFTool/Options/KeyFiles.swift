import Bytes
import DSSE
import Gcrypt
import Glibc
import LinuxSystem
import OpenPGP
import PEMKeys
import SIF
import SystemPackage

/// Keys in files, whatever form they are in.
enum KeyFiles {
  /// Whether the bytes are PEM rather than OpenPGP: both may be text.
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

  /// Warns where others can read a file with a private key.
  static func warnIfShared(_ path: FilePath, isQuiet: Bool) {
    if let mode = mode(of: path, S_IFREG), mode & 0o077 != 0 {
      Console.warn(
        "others can read the private key in \(path.printable); chmod 600 it", isQuiet: isQuiet)
    }
  }

  /// Warns where others can enter a directory of key rings or, where no secret is looked for, change it: who adds
  /// a key to a ring makes it a trusted one.
  static func warnIfOpen(_ directory: FilePath, secret: Bool, isQuiet: Bool) {
    guard let mode = mode(of: directory, S_IFDIR), mode & (secret ? 0o077 : 0o022) != 0 else { return }
    Console.warn(
      "others can \(mode & 0o022 != 0 ? "change" : "enter") the key ring directory \(directory.printable); "
        + "chmod 700 it", isQuiet: isQuiet)
  }

  /// The permission bits of a file of a kind; nil where it is not there or of another kind.
  private static func mode(of path: FilePath, _ kind: mode_t) -> mode_t? {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0, status.st_mode & S_IFMT == kind else {
      return nil
    }
    return status.st_mode & 0o777
  }

  static func isDirectory(_ path: FilePath) -> Bool { mode(of: path, S_IFDIR) != nil }

  /// Warns of what was passed over in a file of keys.
  ///
  /// - Parameter all: also of keys and signatures that are whole but of a kind that is not implemented.
  static func warnOfSkipped(_ ring: KeyRing, _ path: FilePath, all: Bool, isQuiet: Bool) {
    let faults = ring.skipped.filter { all || $0.code != .unsupported }
    for fault in faults.prefix(mostWarnings) {
      Console.warn("\(path.printable): passed over: \(fault.description)", isQuiet: isQuiet)
    }
    if faults.count > mostWarnings {
      Console.warn(
        "\(path.printable): \(faults.count - mostWarnings) more faults were passed over", isQuiet: isQuiet)
    }
  }

  private static let mostWarnings = 8

  /// The directories of the runtimes' key rings: those that the environment names, and only where it names
  /// none the defaults. Who names a ring means that one, and trusts no other.
  static var runtimeDirectories: [FilePath] {
    func value(_ variable: String) -> FilePath? {
      guard let text = getenv(variable), text.pointee != 0 else { return nil }
      return FilePath(platformString: text)
    }
    let named = ["SINGULARITY_SYPGPDIR", "APPTAINER_KEYSPATH"].compactMap(value)
    guard named.isEmpty else { return named }
    return [".singularity", ".apptainer"].compactMap { folder in
      value("HOME")?.appending(folder).appending("keys")
    }
  }

  /// The rings at a path: of a directory those inside that runtimes and GnuPG keep, otherwise the file itself.
  static func rings(at path: FilePath, secret: Bool) -> [FilePath] {
    guard isDirectory(path) else { return [path] }
    let names = secret ? ["pgp-secret"] : ["pgp-public", "global-pgp-public", "pubring.kbx", "pubring.gpg"]
    return names.map { path.appending($0) }.filter(exists)
  }

  static func exists(_ path: FilePath) -> Bool {
    path.withPlatformString { access($0, F_OK) } == 0
  }

  /// The keys of rings; those that are empty, as runtimes leave them, have none.
  ///
  /// - Parameter note: told the bytes of each ring that is not empty.
  static func openPGP(
    _ paths: [FilePath], isQuiet: Bool, warnsOfAll: Bool = false,
    note: (borrowing SecureBytes) throws -> Void = { _ in }
  ) throws -> KeyRing {
    var all = KeyRing()
    for path in paths {
      let bytes = try SecretInput.read(path)
      if bytes.count == 0 { continue }
      try note(bytes)
      let ring = try read(bytes, path)
      if !ring.secretKeys.isEmpty { warnIfShared(path, isQuiet: isQuiet) }
      warnOfSkipped(ring, path, all: warnsOfAll, isQuiet: isQuiet)
      try all.merge(ring)
    }
    return all
  }

  static func read(_ bytes: borrowing SecureBytes, _ path: FilePath) throws -> KeyRing {
    do { return try KeyRing(reading: bytes.span) } catch {
      throw ToolFailure(
        .key, code: error.code.rawValue, "\(path.printable): \(error.description)")
    }
  }
}

extension FilePath {
  /// The path with everything escaped that could disturb a terminal.
  var printable: String { Array(string.utf8).printable }
}

/// The time of now, which signatures are judged by.
enum CurrentTime {
  static var timestamp: Timestamp { Timestamp(seconds: Int64(time(nil))) }
}
