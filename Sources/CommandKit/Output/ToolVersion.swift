/// The version of this tool.
package enum ToolVersion {
  /// Of the tool, as people name it.
  package static let number = "0.1.0"
  /// The Swift language version that it was built with, and the machine it runs on.
  package static let runtime = "swift6.3 (linux/\(architecture))"
  /// The versions of the image format that it reads and writes.
  package static let formats = "01"

  /// The machine, by its name in image formats.
  package static var architecture: String {
    #if arch(x86_64)
      "amd64"
    #elseif arch(arm64)
      "arm64"
    #else
      "unknown"
    #endif
  }
}
