import CGcrypt

/// libgcrypt, initialised once for the process.
///
/// Everything in this module that uses libgcrypt accesses ``Library/shared`` first, so that callers need not
/// know about the initialisation that libgcrypt requires before anything else.
public struct Library: Sendable {
  /// The initialised library. The first access initialises it; later ones cost one load.
  public static let shared = Library()

  /// The version of the library that is loaded, such as `1.10.1`.
  public let version: String

  /// The number of bytes of locked memory, which is never swapped, for secrets.
  private static let secureMemoryBytes: Int32 = 256 * 1024

  private init() {
    // gcry_check_version performs the first stage of initialisation, so it comes before any control call.
    version = gcry_check_version(nil).map { String(cString: $0) } ?? "unknown"
    _ = gcrypt_disable_secure_memory_warning()
    // An unusually large key ring must not exhaust the pool. The pool grows by this amount at a time, which
    // also limits a single allocation; untouched memory costs nothing. The extra memory is wiped like the
    // rest, but not locked.
    _ = gcrypt_expand_secure_memory(48 << 20)
    _ = gcrypt_initialise_secure_memory(Self.secureMemoryBytes)
    _ = gcrypt_initialization_finished()
  }
}
