import Glibc

/// Variables of a program, and the forms in which people write them (spec/runtime.md "The environment").
public enum ProgramVariables {
  /// A name and a value.
  public typealias Variable = (name: String, value: [UInt8])

  /// Whether a shell accepts a text as the name of a variable.
  public static func isName(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first) else { return false }
    return name.utf8.allSatisfy(isNameByte)
  }

  static func isNameByte(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
      || byte == 0x5F
  }

  /// Reads variables from one argument of a command line.
  ///
  /// With one equals sign, everything after it is the value. With several, the text is a CSV record whose fields are
  /// variables, separated by commas. A field in double quotes may contain commas, and two quotes stand for one.
  ///
  /// - Throws: ``RuntimeError/Code/invalidArgument`` if a field does not set a variable, or a quote is misplaced.
  public static func parse(list text: [UInt8]) throws(RuntimeError) -> [Variable] {
    let equals = text.count { $0 == 0x3D }
    guard equals > 1 else {
      let isQuoted = text.count > 1 && text.first == 0x22 && text.last == 0x22
      return [try variable(isQuoted ? text.dropFirst().dropLast() : text[...], isList: false)]
    }
    let fields: [[UInt8]]
    do { fields = try CommaSeparated.records(of: text, isMultiline: false).flatMap { $0 } } catch {
      throw misplacedQuote(text)
    }
    return try fields.map { (field) throws(RuntimeError) in try variable(field[...], isList: true) }
  }

  private static func variable(_ text: ArraySlice<UInt8>, isList: Bool) throws(RuntimeError) -> Variable {
    let name = String(decoding: text.prefix { $0 != 0x3D }, as: UTF8.self)
    guard text.contains(0x3D), isName(name) else { throw isNone(text, isList: isList) }
    return (name, Array(text.drop { $0 != 0x3D }.dropFirst()))
  }

  /// The beginning of a text, for a message.
  private static func shown(_ text: ArraySlice<UInt8>) -> String {
    String(decoding: text.prefix(80), as: UTF8.self) + (text.count > 80 ? "…" : "")
  }

  static func isNone(_ text: ArraySlice<UInt8>, isList: Bool = false, at place: String = "") -> RuntimeError {
    var message = "\(place)\"\(shown(text))\" is not an assignment NAME=VALUE"
    if isList { message += "; if a value contains a comma, write '\"NAME=VALUE\"'" }
    return RuntimeError(.invalidArgument, message)
  }

  private static func misplacedQuote(_ text: [UInt8]) -> RuntimeError {
    RuntimeError(
      .invalidArgument,
      "misplaced quote in \"\(shown(text[...]))\": an assignment is either in double quotes as a whole, "
        + "with quotes in it doubled, or has none")
  }

  /// The variables of this process.
  public static func ofProcess() -> [Variable] {
    var variables: [Variable] = []
    var next = environ
    while let text = next.pointee {
      let bytes = UnsafeRawBufferPointer(start: text, count: strlen(text)).map { $0 }
      if let equals = bytes.firstIndex(of: 0x3D), equals > 0 {
        variables.append((String(decoding: bytes[..<equals], as: UTF8.self), Array(bytes[(equals + 1)...])))
      }
      next += 1
    }
    return variables
  }
}
