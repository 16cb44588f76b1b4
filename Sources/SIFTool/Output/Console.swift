import Gcrypt
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

  /// Writes bytes that may be secret to stdout.
  static func write(_ bytes: borrowing SecureBytes) throws(ToolFailure) {
    do throws(SystemError) {
      try SystemError.writeAll(bytes.span.bytes, to: STDOUT_FILENO)
    } catch {
      throw ToolFailure(writing: error)
    }
  }

  /// Writes text to stdout.
  static func write(_ text: String) throws(ToolFailure) { try write(Array(text.utf8)) }

  /// Writes one JSON document to stdout: sorted keys, with the version of its schema.
  ///
  /// - Parameters:
  ///   - document: the members.
  ///   - list: a member whose elements are made one by one while they are written, so that a long list
  ///     takes no more memory than its longest element.
  static func write(document: [JSONMember], list: JSONList? = nil) throws(ToolFailure) {
    guard let list else { return try write(bytes(of: document)) }
    // The document around an empty list: its "[]" is where the elements go.
    let around = document + [JSONMember("schemaVersion", 1), JSONMember(list.key, [])]
    let lines = JSONWriter.pretty(.object(around)).split(separator: 0x0A)
    let opening = Array("  \"\(list.key)\": []".utf8)
    for line in lines {
      guard line.starts(with: opening) else {
        try write(Array(line) + [0x0A])
        continue
      }
      try write(Array(line.prefix(opening.count - 1)))
      var block: [UInt8] = []
      for index in 0..<list.count {
        block += Array((index == 0 ? "\n    " : ",\n    ").utf8)
        for byte in JSONWriter.pretty(list.element(index)) {
          block.append(byte)
          if byte == 0x0A { block += Array("    ".utf8) }
        }
        if block.count > 1 << 16 {
          try write(block)
          block = []
        }
      }
      try write(
        block + Array((list.count == 0 ? "" : "\n  ").utf8) + Array(line.dropFirst(opening.count - 1)) + [
          0x0A
        ])
    }
  }

  /// The bytes of one JSON document: sorted keys, with the version of its schema.
  static func bytes(of document: [JSONMember]) -> [UInt8] {
    JSONWriter.pretty(.object(document + [JSONMember("schemaVersion", 1)])) + [0x0A]
  }

  /// Writes a line for people to stderr. Nothing can be done where even that fails.
  static func note(_ line: String) {
    try? SystemError.writeAll(Array("\(line)\n".utf8).span.bytes, to: STDERR_FILENO)
  }

  /// Writes a warning to stderr, unless quiet is asked for.
  static func warn(_ text: String, isQuiet: Bool) {
    if !isQuiet { note("siftool: warning: \(text)") }
  }

  /// Writes a question to stderr; the answer is typed behind it.
  static func prompt(_ question: String) {
    try? SystemError.writeAll(Array(question.utf8).span.bytes, to: STDERR_FILENO)
  }

  /// Whether a descriptor is a terminal.
  static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}

/// A member of a JSON document whose elements are made when they are written.
struct JSONList {
  let key: String
  let count: Int
  let element: (Int) -> JSONValue
}
