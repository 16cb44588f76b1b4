import CGcrypt

/// libgcrypt, initialised once for the process.
///
/// Whatever of this module uses libgcrypt touches ``Library/shared`` first, so that no caller has to know about
/// the initialisation that libgcrypt requires before anything else.
public struct Library: Sendable {
  /// The initialised library. The first access initialises it; later ones cost one load.
  public static let shared = Library()

  /// The version of the library that is loaded, such as `1.10.1`.
  public let version: String

  /// Bytes of locked, never swapped memory that secrets live in.
  private static let secureMemoryBytes: Int32 = 256 * 1024

  private init() {
    // gcry_check_version performs the first stage of initialisation; it must come before any control.
    version = gcry_check_version(nil).map { String(cString: $0) } ?? "unknown"
    _ = gcrypt_disable_secure_memory_warning()
    // A key ring of unusual size must not exhaust the pool. The pool grows by this much at a time, which also
    // bounds a single allocation; what is not touched costs nothing. It is wiped like the rest, but not locked.
    _ = gcrypt_expand_secure_memory(48 << 20)
    _ = gcrypt_initialise_secure_memory(Self.secureMemoryBytes)
    _ = gcrypt_initialization_finished()
  }
}
