import Glibc
import LinuxSystem
public import SystemPackage

/// Writes an image that gets its name only once it is complete.
public enum NewImageFile {
  /// Writes a new image beside its place and renames it.
  ///
  /// - Parameters:
  ///   - mode: permission bits, if the file does not exist yet.
  ///   - fill: writes the image's bytes into the empty storage.
  /// - Throws: ``SystemError``, and the errors of `fill`; nothing has changed then.
  public static func write(
    replacing path: FilePath, mode: UInt32, _ fill: (any Storage) throws -> Void
  ) throws {
    var file = try ReplacementFile(replacing: path, mode: mode)
    try fill(FileStorage(adopting: file.duplicateDescriptor()))
    try file.commit()
  }

  /// Writes a new image beside its place and renames it; the path is text.
  ///
  /// - Throws: ``SystemError``, and the errors of `fill`; nothing has changed then.
  public static func write(
    replacing path: String, mode: UInt32 = 0o755, _ fill: (any Storage) throws -> Void
  ) throws {
    try write(replacing: FilePath(path), mode: mode, fill)
  }

  /// The permission bits of an image, for a new one that is made from it; 0600 if they are unknown.
  public static func mode(like source: FilePath) -> UInt32 {
    var status = stat()
    guard source.withPlatformString({ stat($0, &status) }) == 0 else { return 0o600 }
    return status.st_mode & 0o777
  }

  /// Replaces an image with one made from it, while no other writer can change it.
  ///
  /// - Parameters:
  ///   - watch: wraps the storage that is written to, to show progress; it gets the old image.
  ///   - fill: writes the new image.
  /// - Returns: the old image.
  public static func rewrite(
    _ path: FilePath, clock: EditClock,
    watching watch: (any Storage, Image) -> any Storage = { new, _ in new },
    _ fill: (ImageRewriter, any Storage) throws -> Void
  ) throws -> Image {
    // The editor holds the writer lock until the new image has its name.
    let editor = try ImageEditor(opening: path, clock: clock)
    let old = editor.image
    try write(replacing: path, mode: 0o755) { storage in
      try fill(ImageRewriter(old, clock: clock), watch(storage, old))
    }
    return old
  }
}
