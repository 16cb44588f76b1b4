import ArgumentParser
import CommandKit
import Glibc
import ImageTrust
import LinuxSystem
import SystemPackage

/// The key ring that a `key` command works on.
struct KeyStoreOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "The directory of the key rings; for list and export, also a single file.",
      discussion:
        "The default is SINGULARITY_SYPGPDIR, APPTAINER_KEYSPATH or the runtimes' own in the home directory.",
      valueName: "directory"))
  var keyring: PathArgument?

  @OptionGroup var progress: ProgressOptions

  func store(_ reporter: Reporter) throws -> KeyStore {
    let store = KeyStore(try directory())
    KeyRingFiles.notice(ofDirectory: store.directory, secret: true).map(reporter.warn)
    return store
  }

  /// The rings to read from: none if the runtimes have not made theirs yet. A ring that was named must exist.
  func rings(secret: Bool, _ reporter: Reporter) throws -> [FilePath] {
    if let named = keyring?.path {
      try SystemError.check("open", named) { named.withPlatformString { access($0, R_OK) } }
      if !KeyRingFiles.isDirectory(named) { return [named] }
    }
    return KeyRingFiles.rings(at: try store(reporter).directory, secret: secret).filter(KeyRingFiles.exists)
  }

  private func directory() throws -> FilePath {
    if let keyring { return keyring.path }
    guard let directory = KeyRingFiles.usualDirectory else {
      throw ToolFailure(.key, code: "no-key", "no key ring: neither --keyring nor HOME is set")
    }
    return directory
  }
}

extension Reporter {
  /// Warns about a file of keys, unless quiet is asked for.
  func warn(_ notice: KeyNotice) { warn(notice.description) }
}
