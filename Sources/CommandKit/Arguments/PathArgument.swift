import ArgumentParser
import Bytes
import Glibc
import SystemPackage

/// A file on the command line that a command reads, and any other path: any bytes but NUL, which need not be UTF-8. `-` stands
/// for standard input.
package struct PathArgument: ExpressibleByArgument {
  /// The path.
  package let path: FilePath
  /// Whether it was written with a slash at its end, as only a directory can be.
  let endsWithSlash: Bool
  /// Whether it is `-`.
  package let isStandardInput: Bool

  /// The argument as it was written, if it looks like an address, such as `docker://alpine`; a path loses a slash of it.
  package let address: String?

  /// A path that did not come from the command line.
  package init(_ path: FilePath) {
    self.path = path
    address = nil
    endsWithSlash = false
    isStandardInput = false
  }

  /// Reads an argument; nil if it is empty.
  package init?(argument: String) {
    guard !argument.isEmpty else { return nil }
    endsWithSlash = argument.utf8.last == UInt8(ascii: "/")
    isStandardInput = argument == "-"
    address = argument.utf8.contains(0x3A) && argument.contains("://") ? argument : nil
    if endsWithSlash { CommandFiles.note() }
    guard !isStandardInput else {
      path = "/dev/stdin"
      return
    }
    path = ArgumentBytes.decode(argument).withUnsafeBufferPointer { bytes in
      bytes.withMemoryRebound(to: CChar.self) { characters in
        characters.baseAddress.map { FilePath(platformString: $0) } ?? FilePath()
      }
    }
  }

  /// The bytes of the path.
  package var bytes: [UInt8] {
    path.withPlatformString { text in
      var bytes: [UInt8] = []
      while text[bytes.count] != 0 { bytes.append(UInt8(bitPattern: text[bytes.count])) }
      return bytes
    }
  }

  /// Shells offer files.
  package static var defaultCompletionKind: CompletionKind { .file() }
}

/// Command-line arguments as strings that lose nothing.
///
/// Swift's strings are Unicode, arguments are bytes. A byte that is not part of UTF-8 becomes one character of
/// the last private-use plane, and ``decode(_:)`` turns it back into the byte.
package enum ArgumentBytes {
  private static let base: UInt32 = 0x10_FF00
  /// The characters that stand for bytes.
  private static let standIns = base + 0x80...base + 0xFF
  /// The first byte in UTF-8 of the last private-use plane, which hardly any argument has.
  private static let leadByte: UInt8 = 0xF4

  /// Whether a text has a character that stands for a byte.
  private static func hasStandIns(_ text: String) -> Bool {
    text.utf8.contains(leadByte) && text.unicodeScalars.contains { standIns.contains($0.value) }
  }

  /// Whether an argument is text. What is not cannot be an option's value, unless it is a path or any bytes.
  package static func isText(_ argument: String) -> Bool { !hasStandIns(argument) }

  /// An argument, or a sentence that quotes one, for people.
  package static func printable(_ text: String) -> String {
    hasStandIns(text) ? Array(decode(text).dropLast()).printable : text.printable
  }

  /// The name that the process was called with.
  package static var programName: String {
    CommandLine.argc > 0 ? CommandLine.unsafeArgv[0].map(encode) ?? "" : ""
  }

  /// The process's arguments without its name.
  package static var commandLine: [String] {
    let arguments = CommandLine.unsafeArgv
    return (1..<max(Int(CommandLine.argc), 1)).compactMap { index in arguments[index].map(encode) }
  }

  /// The variables of the process whose names begin with one of some texts.
  package static func variables(beginningWith starts: [String]) -> [String: String] {
    var found: [String: String] = [:]
    var next = environ
    while let text = next.pointee {
      next += 1
      guard starts.contains(where: { strncmp(text, $0, $0.utf8.count) == 0 }), let equals = strchr(text, 0x3D)
      else { continue }
      let name = UnsafeRawBufferPointer(start: text, count: equals - text)
      found[String(decoding: name, as: UTF8.self)] = encode(equals + 1)
    }
    return found
  }

  private static func encode(_ argument: UnsafeMutablePointer<CChar>) -> String {
    // Text that has such characters itself is kept as bytes too.
    if let text = String(validatingCString: argument), !hasStandIns(text) { return text }
    let bytes = UnsafeRawBufferPointer(start: argument, count: strlen(argument))
    var text = String.UnicodeScalarView()
    for byte in bytes {
      // All bytes beyond ASCII of such an argument are kept as bytes: decoding treats both alike.
      let scalar = byte < 0x80 ? Unicode.Scalar(byte) : Unicode.Scalar(base + UInt32(byte))
      if let scalar { text.append(scalar) }
    }
    return String(text)
  }

  /// The bytes of an argument, and a NUL.
  package static func decode(_ text: String) -> [UInt8] {
    guard hasStandIns(text) else { return Array(text.utf8) + [0] }
    return text.unicodeScalars.flatMap { scalar -> [UInt8] in
      if standIns.contains(scalar.value) { return [UInt8(scalar.value - base)] }
      return Array(String(scalar).utf8)
    } + [0]
  }
}
