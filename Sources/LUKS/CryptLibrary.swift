import CCryptsetup
import Glibc

/// libcryptsetup, loaded at its first use. It loads device-mapper, OpenSSL and udev, which most commands do
/// not need (docs/decisions/0007-encryption.md).
struct CryptLibrary: @unchecked Sendable {
  let calls: cryptsetup_calls

  private static let loaded = Result { () throws(LUKSError) in try CryptLibrary() }

  /// Loads the library, if it is not loaded yet.
  ///
  /// - Throws: ``LUKSError/Code/noLibrary`` if it is not installed, or too old.
  static func shared() throws(LUKSError) -> CryptLibrary {
    switch loaded {
    case .success(let library): return library
    case .failure(let error): throw error
    }
  }

  private init() throws(LUKSError) {
    let name = "libcryptsetup.so.12"
    guard let handle = dlopen(name, RTLD_NOW | RTLD_LOCAL) else {
      throw LUKSError(
        .noLibrary, "\(name) cannot be loaded; it comes with cryptsetup (Debian: libcryptsetup12)")
    }
    var calls = cryptsetup_calls()
    if let missing = cryptsetup_resolve(&calls, handle) {
      throw LUKSError(.noLibrary, "\(name) has no \(String(cString: missing)): it is too old")
    }
    self.calls = calls
    // Locks protect devices that other processes may have open, but the files here are in this process's memory.
    _ = calls.metadata_locking(nil, 0)
  }
}
