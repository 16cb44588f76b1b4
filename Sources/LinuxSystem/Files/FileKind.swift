import Glibc

/// Kinds of files, as messages name them.
public enum FileKind {
  /// The kind of a file, with its article: `a directory`, `a FIFO`.
  ///
  /// - Parameter mode: of stat(2).
  public static func name(_ mode: UInt32) -> String {
    switch mode & S_IFMT {
    case S_IFREG: "a regular file"
    case S_IFDIR: "a directory"
    case S_IFLNK: "a symbolic link"
    case S_IFIFO: "a FIFO"
    case S_IFCHR: "a character device"
    case S_IFBLK: "a block device"
    case S_IFSOCK: "a socket"
    default: "a file of an unknown kind"
    }
  }
}
