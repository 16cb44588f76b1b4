import CommandKit
import Glibc
import LinuxSystem
import SIF
import SystemPackage

/// Writes an image that gets its name only when it is complete.
enum NewImageFile {
  /// Writes a new image beside its place and renames it.
  ///
  /// - Parameters:
  ///   - mode: permission bits for a file that is new.
  ///   - fill: writes the image's bytes into the empty storage.
  static func write(replacing path: FilePath, mode: UInt32, _ fill: (any Storage) throws -> Void) throws {
    var file = try ReplacementFile(replacing: path, mode: mode)
    try fill(FileStorage(adopting: file.duplicateDescriptor()))
    try file.commit()
  }

  /// The permission bits of an image for one that is made of it; the owner's alone where they cannot be told.
  static func mode(like source: FilePath) -> UInt32 {
    var status = stat()
    guard source.withPlatformString({ stat($0, &status) }) == 0 else { return 0o600 }
    return status.st_mode & 0o777
  }

  /// Replaces an image by one made of it, while no other writer can change it.
  static func rewrite(
    _ path: FilePath, clock: EditClock, _ reporter: Reporter,
    _ fill: (ImageRewriter, any Storage) throws -> Void
  ) throws -> Image {
    // The editor holds the writer lock until the new image has its name.
    let editor = try ImageEditor(opening: path, clock: clock)
    let old = editor.image
    try write(replacing: path, mode: 0o755) { storage in
      let watched = ProgressStorage(storage, expected: old.fileSize, shown: reporter.showsProgress)
      try fill(ImageRewriter(old, clock: clock), watched)
    }
    return old
  }
}
