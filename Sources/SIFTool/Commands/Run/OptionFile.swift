import CommandKit
import Glibc
import LinuxSystem
import SystemPackage

/// Short files that options name.
enum OptionFile {
  private static let longest = 1 << 20

  /// A file's content.
  static func content(of path: FilePath) throws -> [UInt8] {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY | O_CLOEXEC)
    let bytes = try file.readToEnd(limit: longest + 1)
    guard bytes.count <= longest else {
      throw ToolFailure.usage("\(path.printable) is longer than \(longest) bytes")
    }
    return bytes
  }
}
