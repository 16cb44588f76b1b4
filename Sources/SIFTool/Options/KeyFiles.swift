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
  static func warnIfShared(_ path: FilePath) {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0 else { return }
    if status.st_mode & S_IFMT == S_IFREG, status.st_mode & 0o077 != 0 {
      let name = Array(path.string.utf8).printable
      Console.note("siftool: warning: others can read the private key in \(name); chmod 600 it")
    }
  }

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
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFDIR else {
      return [path]
    }
    let names = secret ? ["pgp-secret"] : ["pgp-public", "global-pgp-public", "pubring.kbx", "pubring.gpg"]
    return names.map { path.appending($0) }.filter(exists)
  }

  static func exists(_ path: FilePath) -> Bool {
    path.withPlatformString { access($0, F_OK) } == 0
  }

  /// The keys of rings; those that are empty, as runtimes leave them, have none.
  static func openPGP(_ paths: [FilePath]) throws -> KeyRing {
    var all = KeyRing()
    for path in paths {
      let bytes = try SecretInput.read(path)
      if bytes.count == 0 { continue }
      let ring = try read(bytes, path)
      if !ring.secretKeys.isEmpty { warnIfShared(path) }
      try all.merge(ring)
    }
    return all
  }

  static func read(_ bytes: borrowing SecureBytes, _ path: FilePath) throws -> KeyRing {
    do { return try KeyRing(reading: bytes.span) } catch {
      throw ToolFailure(
        .key, code: error.code.rawValue, "\(Array(path.string.utf8).printable): \(error.description)")
    }
  }
}

/// The time of now, which signatures are judged by.
enum CurrentTime {
  static var timestamp: Timestamp { Timestamp(seconds: Int64(time(nil))) }
}
