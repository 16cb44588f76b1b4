import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import StrictJSON

/// Where a command's output goes: data to stdout, everything else to stderr.
///
/// Lines for people lose here, and in ``OutputBuffer``, what a terminal would obey or nobody would see, line ends
/// inside of them included: whoever prints need not know which of the words come from an image (spec/output.md).
enum Console {
  /// Writes lines for people to stdout.
  ///
  /// - Parameter keepsTabs: whether tabs are part of their form.
  static func write(lines: some Sequence<String>, keepsTabs: Bool = false) throws(ToolFailure) {
    var block: [UInt8] = []
    for line in lines {
      block += bytes(ofLine: line, keepsTabs: keepsTabs)
      if block.count > 1 << 16 {
        try write(raw: block)
        block = []
      }
    }
    try write(raw: block)
  }

  /// Writes a line for people to stdout.
  static func write(line: String) throws(ToolFailure) { try write(raw: bytes(ofLine: line)) }

  /// A line for people, with its end.
  static func bytes(ofLine line: String, keepsTabs: Bool = false) -> [UInt8] {
    Array(VisibleText.line(line, keepsTabs: keepsTabs).utf8) + [0x0A]
  }

  /// Writes bytes to stdout as they are: contents, and documents of a form that has its own escapes.
  static func write(raw bytes: [UInt8]) throws(ToolFailure) {
    do throws(SystemError) {
      try SystemError.writeAll(bytes.span.bytes, to: STDOUT_FILENO)
    } catch {
      throw ToolFailure(writing: error)
    }
  }

  /// Writes bytes that may be secret to stdout, as they are.
  static func write(raw bytes: borrowing SecureBytes) throws(ToolFailure) {
    do throws(SystemError) {
      try SystemError.writeAll(bytes.span.bytes, to: STDOUT_FILENO)
    } catch {
      throw ToolFailure(writing: error)
    }
  }

  /// Writes one JSON document to stdout: sorted keys, with the version of its schema.
  ///
  /// - Parameters:
  ///   - document: the members.
  ///   - list: a member whose elements are made one by one while they are written, so that a long list
  ///     takes no more memory than its longest element.
  static func write(document: [JSONMember], list: JSONList? = nil) throws(ToolFailure) {
    guard let list else { return try write(raw: bytes(of: document)) }
    // The document around an empty list: its "[]" is where the elements go.
    let around = document + [JSONMember("schemaVersion", 1), JSONMember(list.key, [])]
    let lines = JSONWriter.pretty(.object(around)).split(separator: 0x0A)
    let opening = Array("  \"\(list.key)\": []".utf8)
    for line in lines {
      guard line.starts(with: opening) else {
        try write(raw: Array(line) + [0x0A])
        continue
      }
      try write(raw: Array(line.prefix(opening.count - 1)))
      var block: [UInt8] = []
      for index in 0..<list.count {
        block += Array((index == 0 ? "\n    " : ",\n    ").utf8)
        for byte in JSONWriter.pretty(list.element(index)) {
          block.append(byte)
          if byte == 0x0A { block += Array("    ".utf8) }
        }
        if block.count > 1 << 16 {
          try write(raw: block)
          block = []
        }
      }
      try write(
        raw: block + Array((list.count == 0 ? "" : "\n  ").utf8) + Array(line.dropFirst(opening.count - 1))
          + [
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
    try? SystemError.writeAll(bytes(ofLine: line).span.bytes, to: STDERR_FILENO)
  }

  /// Writes a warning to stderr, unless quiet is asked for.
  static func warn(_ text: String, isQuiet: Bool) {
    if !isQuiet { note("siftool: warning: \(text)") }
  }

  /// Writes a question to stderr; the answer is typed behind it.
  static func prompt(_ question: String) {
    try? SystemError.writeAll(Array(VisibleText.line(question).utf8).span.bytes, to: STDERR_FILENO)
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
