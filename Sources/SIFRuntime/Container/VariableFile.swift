/// Reads a file of variables: assignments in the shell's syntax, but nothing that a shell would run
/// (spec/runtime.md "The environment").
public struct VariableFile {
  private let name: String
  /// The variables that values can refer to: the host's, and those set so far in the file.
  private var known: [String: [UInt8]]
  private let bytes: [UInt8]
  private var position = 0
  private var line = 1
  private var variables: [ProgramVariables.Variable] = []
  private var byteCount = 0
  /// The limit for all values together. Values that refer to others can be much longer than the file, and no
  /// kernel accepts more.
  private static let mostBytes = 2 << 20

  /// The variables that a file sets, in its order.
  ///
  /// - Parameters:
  ///   - bytes: the contents of the file.
  ///   - name: the file's name in messages.
  ///   - host: other variables that values can refer to.
  /// - Throws: ``RuntimeError/Code/invalidArgument`` for anything but assignments, with the line.
  public static func parse(
    _ bytes: [UInt8], named name: String, host: [ProgramVariables.Variable]
  ) throws(RuntimeError) -> [ProgramVariables.Variable] {
    var file = VariableFile(bytes, name, host)
    try file.read()
    return file.variables
  }

  private init(_ bytes: [UInt8], _ name: String, _ host: [ProgramVariables.Variable]) {
    self.bytes = bytes
    self.name = name
    known = Dictionary(host.map { ($0.name, $0.value) }) { first, _ in first }
  }

  private var next: UInt8? { position < bytes.count ? bytes[position] : nil }

  private mutating func take() -> UInt8? {
    guard let byte = next else { return nil }
    position += 1
    if byte == Self.newline { line += 1 }
    return byte
  }

  private static let newline: UInt8 = 0x0A
  /// Blanks. A carriage return may come before the end of a line.
  private static let blanks: Set<UInt8> = [0x20, 0x09, 0x0D]
  private static let semicolon: UInt8 = 0x3B
  /// Characters that would start, join or redirect commands: `& ( ) < > | ` and the grave accent.
  private static let operators: Set<UInt8> = [0x26, 0x28, 0x29, 0x3C, 0x3E, 0x7C, 0x60]

  private var isAtEndOfWord: Bool {
    guard let next else { return true }
    return Self.blanks.contains(next) || next == Self.newline || next == Self.semicolon
  }

  private func failure(_ message: String, at line: Int? = nil) -> RuntimeError {
    RuntimeError(.invalidArgument, "line \(line ?? self.line) of \(name): \(message)")
  }

  private mutating func read() throws(RuntimeError) {
    guard !bytes.contains(0) else {
      throw RuntimeError(.invalidArgument, "\(name) has a zero byte: it is not a text file")
    }
    var exports = false
    while let byte = next {
      if byte == Self.newline || byte == Self.semicolon { exports = false }
      if byte == 0x23 {
        while let byte = next, byte != Self.newline { position += 1 }
      } else if isAtEndOfWord {
        _ = take()
      } else if !exports, startsWithExport {
        position += 6
        exports = true
      } else {
        try readVariable(exports: exports)
      }
    }
  }

  private var startsWithExport: Bool {
    let word = Array("export".utf8)
    let end = position + word.count
    return bytes[position...].starts(with: word) && end < bytes.count && Self.blanks.contains(bytes[end])
  }

  /// Reads one assignment. After `export`, a bare name is allowed, which passes on an existing variable.
  private mutating func readVariable(exports: Bool) throws(RuntimeError) {
    let start = position
    while let next, ProgramVariables.isNameByte(next) { position += 1 }
    let name = String(decoding: bytes[start..<position], as: UTF8.self)
    if exports, isAtEndOfWord, ProgramVariables.isName(name) {
      if let value = known[name] { try set(name, value) }
      return
    }
    guard next == 0x3D, ProgramVariables.isName(name) else {
      let word = bytes[start...].prefix { !Self.blanks.contains($0) && $0 != Self.newline }
      throw ProgramVariables.isNone(word, at: "line \(line) of \(self.name): ")
    }
    position += 1
    try set(name, try readValue())
  }

  private mutating func set(_ name: String, _ value: [UInt8]) throws(RuntimeError) {
    try requireRoom(for: value.count)
    byteCount += value.count
    variables.append((name, value))
    known[name] = value
  }

  private func requireRoom(for count: Int) throws(RuntimeError) {
    guard count <= Self.mostBytes - byteCount else {
      throw failure("the values are longer than 2 MiB together")
    }
  }

  private mutating func readValue() throws(RuntimeError) -> [UInt8] {
    var value: [UInt8] = []
    if next == 0x7E {
      position += 1
      // The home directory of another user (~name) is kept as it is written.
      value += (isAtEndOfWord || next == 0x2F ? known["HOME"] : nil) ?? [0x7E]
    }
    while !isAtEndOfWord, let byte = take() {
      switch byte {
      case 0x27:
        let start = (position, line)
        while let byte = take(), byte != 0x27 { value.append(byte) }
        guard bytes[start.0...].prefix(position - start.0).last == 0x27 else {
          throw failure("a quote is not closed", at: start.1)
        }
      case 0x22: try readQuoted(into: &value)
      case 0x5C:
        // A backslash at the end of a line joins it with the next.
        if let byte = take(), byte != Self.newline { value.append(byte) }
      case 0x24: try expand(into: &value, isQuoted: false)
      case _ where Self.operators.contains(byte): throw runs(byte)
      default: value.append(byte)
      }
    }
    return value
  }

  private mutating func readQuoted(into value: inout [UInt8]) throws(RuntimeError) {
    let start = line
    while let byte = take() {
      switch byte {
      case 0x22: return
      case 0x5C:
        guard let byte = take() else { break }
        if byte == Self.newline { continue }
        // Before any other character, a backslash stands for itself.
        if ![0x22, 0x24, 0x5C, 0x60].contains(byte) { value.append(0x5C) }
        value.append(byte)
      case 0x24: try expand(into: &value, isQuoted: true)
      case 0x60: throw runs(byte)
      default: value.append(byte)
      }
    }
    throw failure("a quote is not closed", at: start)
  }

  /// Appends the value of a dollar expression.
  private mutating func expand(into value: inout [UInt8], isQuoted: Bool) throws(RuntimeError) {
    guard let byte = next else { return value.append(0x24) }
    let isBraced = byte == 0x7B
    if isBraced { position += 1 }
    let start = position
    while let next, ProgramVariables.isNameByte(next) { position += 1 }
    let name = String(decoding: bytes[start..<position], as: UTF8.self)
    if isBraced {
      guard ProgramVariables.isName(name), next == 0x7D else {
        throw failure("only the name of a variable is understood in ${…}")
      }
      position += 1
    } else if name.isEmpty {
      if byte == 0x28 { throw runs(byte) }
      // The shell's special parameters, and its other forms of quoting.
      guard !Array("@*#?-$!".utf8).contains(byte), isQuoted || byte != 0x27 && byte != 0x22 else {
        throw failure("$\(Character(UnicodeScalar(byte))) is not understood: put it in single quotes")
      }
      return value.append(0x24)
    } else if !ProgramVariables.isName(name) {
      throw failure("$\(name) is not understood: put it in single quotes")
    }
    value += known[name] ?? []
    try requireRoom(for: value.count)
  }

  private func runs(_ byte: UInt8) -> RuntimeError {
    failure(
      "\(Character(UnicodeScalar(byte))) is not quoted, and this file cannot run commands: put it in single quotes"
    )
  }
}
