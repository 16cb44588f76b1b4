import Glibc
import LinuxSystem
import StrictJSON

/// Where a command's output goes: data to stdout, everything else to stderr.
enum Console {
  /// Writes bytes to stdout.
  static func write(_ bytes: [UInt8]) throws(ToolFailure) {
    do throws(SystemError) {
      try SystemError.writeAll(bytes.span.bytes, to: STDOUT_FILENO)
    } catch {
      throw ToolFailure(writing: error)
    }
  }

  /// Writes text to stdout.
  static func write(_ text: String) throws(ToolFailure) { try write(Array(text.utf8)) }

  /// Writes one JSON document to stdout: sorted keys, with the version of its schema.
  static func write(document: [JSONMember]) throws(ToolFailure) {
    let versioned = document + [JSONMember("schemaVersion", 1)]
    try write(JSONWriter.pretty(.object(versioned)) + [UInt8(ascii: "\n")])
  }

  /// Writes a line for people to stderr. Nothing can be done where even that fails.
  static func note(_ line: String) {
    try? SystemError.writeAll(Array("\(line)\n".utf8).span.bytes, to: STDERR_FILENO)
  }

  /// Whether a descriptor is a terminal.
  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}
