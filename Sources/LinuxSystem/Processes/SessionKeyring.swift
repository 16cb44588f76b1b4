import CLinux

/// The keyring of the kernel that this process and its children share.
public enum SessionKeyring {
  /// Takes a new, empty one in place of the caller's.
  ///
  /// - Throws: ``SystemError``, such as `EDQUOT` where the user has as many keys as are allowed.
  public static func replace() throws(SystemError) {
    do {
      try SystemError.check("make a session keyring") { linux_join_new_session_keyring() }
    } catch  where error.errno == .noFunction || error.errno == .notPermitted {
      // The kernel has no keyrings, or a filter of system calls keeps them from this process, and so from the program.
    }
  }
}
