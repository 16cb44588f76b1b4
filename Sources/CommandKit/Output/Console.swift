import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import StrictJSON

/// The output of a command: data goes to stdout, everything else to stderr.
///
/// Characters that a terminal would obey or that are invisible, line ends too, are escaped in lines for people, here
/// and in ``OutputBuffer``. Callers need not know which words come from an image (spec/output.md).
package enum Console {
  /// Writes lines for people to stdout.
  ///
  /// The usual list has a function of its own: the other one has the Swift runtime look for conformances, which takes a
  /// twentieth of a short command's time.
  ///
  /// - Parameter keepsTabs: whether tabs are part of their form.
  package static func write(lines: [String], keepsTabs: Bool = false) throws(ToolFailure) {
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

  /// Writes lines for people to stdout that are made one by one.
  package static func write(lines: some Sequence<String>, keepsTabs: Bool = false) throws(ToolFailure) {
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
  package static func write(line: String) throws(ToolFailure) { try write(raw: bytes(ofLine: line)) }

  /// A line for people, with its end.
  package static func bytes(ofLine line: String, keepsTabs: Bool = false) -> [UInt8] {
    Array(VisibleText.line(line, keepsTabs: keepsTabs).utf8) + [0x0A]
  }

  /// Writes bytes to stdout as they are: contents, and documents of a form that has its own escapes.
  package static func write(raw bytes: [UInt8]) throws(ToolFailure) {
    do throws(SystemError) {
      try SystemError.writeAll(bytes.span.bytes, to: STDOUT_FILENO)
    } catch {
      throw ToolFailure(writing: error)
    }
  }

  /// Writes bytes that may be secret to stdout, as they are.
  package static func write(raw bytes: borrowing SecureBytes) throws(ToolFailure) {
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
  ///     takes only the memory of its longest element.
  package static func write(document: [JSONMember], list: JSONList? = nil) throws(ToolFailure) {
    guard let list else { return try write(raw: bytes(of: document)) }
    var block: [UInt8] = []
    let stream = JSONStream(list: list.key, around: document) { (bytes) throws(ToolFailure) in
      block += bytes
      guard block.count > 1 << 16 else { return }
      try write(raw: block)
      block = []
    }
    for index in 0..<list.count { try stream.add(list.element(index)) }
    try stream.end()
    try write(raw: block)
  }

  /// The bytes of one JSON document: sorted keys, with the version of its schema.
  package static func bytes(of document: [JSONMember]) -> [UInt8] {
    JSONWriter.pretty(.object(document + [JSONMember("schemaVersion", 1)])) + [0x0A]
  }

  /// Writes a line for people to stderr. If even that fails, nothing can be done.
  package static func note(_ line: String) {
    try? SystemError.writeAll(bytes(ofLine: line).span.bytes, to: STDERR_FILENO)
  }

  /// Writes a message to stderr, in this tool's form.
  package static func say(_ text: String, _ severity: FrontEnd.Severity) {
    guard FrontEnd.current.shows(severity) else { return }
    try? SystemError.writeAll(bytes(ofMessage: text, severity).span.bytes, to: STDERR_FILENO)
  }

  /// A message in this tool's form, with its end.
  package static func bytes(ofMessage text: String, _ severity: FrontEnd.Severity) -> [UInt8] {
    let tool = FrontEnd.current
    let prefix = tool.prefix(severity)
    guard let colour = tool.colour(severity), isTerminal(STDERR_FILENO) else {
      return bytes(ofLine: prefix + text)
    }
    return Array("\u{1B}[\(colour)m\(prefix)\u{1B}[0m".utf8) + bytes(ofLine: text)
  }

  /// Writes a question to stderr; the answer is typed after it.
  package static func prompt(_ question: String) {
    try? SystemError.writeAll(Array(VisibleText.line(question).utf8).span.bytes, to: STDERR_FILENO)
  }

  /// Whether a descriptor is a terminal.
  package static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }
}

/// A member of a JSON document whose elements are made when they are written.
package struct JSONList {
  fileprivate let key: String
  fileprivate let count: Int
  fileprivate let element: (Int) -> JSONValue

  /// A member with a number of elements.
  package init(key: String, count: Int, element: @escaping (Int) -> JSONValue) {
    self.key = key
    self.count = count
    self.element = element
  }
}
