import CLinux

/// The kernel's keyring that this process and its children share.
public enum SessionKeyring {
  /// Replaces the caller's keyring by a new, empty one.
  ///
  /// - Throws: ``SystemError``, such as `EDQUOT` if the user already has as many keys as allowed.
  public static func replace() throws(SystemError) {
    do {
      try SystemError.check("make a session keyring") { linux_join_new_session_keyring() }
    } catch  where error.errno == .noFunction || error.errno == .notPermitted {
      // The kernel has no keyrings, or a system call filter forbids them: to this process, and so to the
      // program, too.
    }
  }
}
