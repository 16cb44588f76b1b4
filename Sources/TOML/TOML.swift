public import Bytes
import CToml
import StrictJSON

/// The reason why a text is not TOML, or is TOML that is not accepted here, and its place.
public struct TOMLError: Fault, Equatable, Sendable {
  /// The error, in words.
  public let reason: String
  /// The line, counted from 1; 0 for the whole text.
  public let line: Int
  /// The column, counted from 1; 0 for the whole line.
  public let column: Int

  /// A stable word for scripts.
  public var identifier: String { "malformed-toml" }

  /// Whose fault it is.
  public var kind: FaultKind { .malformed }

  /// One sentence that says what is wrong, and where.
  public var description: String {
    switch (line, column) {
    case (0, _): "TOML: \(reason)"
    case (_, 0): "TOML: \(reason) (line \(line))"
    default: "TOML: \(reason) (line \(line), column \(column))"
    }
  }
}

/// Reads TOML 1.0 (toml.io), as administrators write it, through toml++ into JSON values.
public enum TOML {
  /// The most bytes that a text may have.
  public static let maximumBytes = 1 << 20
  /// The most dots in one line. Every dot of a key makes a nested table, and the library frees nested tables
  /// by recursion.
  public static let maximumDotsPerLine = 64

  /// Parses a TOML text into an object whose members are sorted by name.
  ///
  /// A float becomes a ``JSONValue/number(_:)``, including `inf` and `nan`. Dates are refused, because
  /// nothing here uses them.
  ///
  /// - Throws: ``TOMLError`` with the place where the text violates the grammar or a limit.
  public static func parse(_ bytes: [UInt8]) throws(TOMLError) -> JSONValue {
    try checkLimits(bytes)
    let tree = Tree()
    let isParsed = bytes.withUnsafeBytes { buffer in
      ctoml_parse(
        buffer.baseAddress?.assumingMemoryBound(to: CChar.self), buffer.count,
        { context, event in
          guard let context, let event else { return }
          Unmanaged<Tree>.fromOpaque(context).takeUnretainedValue().add(event.pointee)
        },
        Unmanaged.passUnretained(tree).toOpaque()) == 0
    }
    guard isParsed, let value = tree.value else { throw tree.parserError }
    if let error = tree.error { throw error }
    return value
  }

  private static func checkLimits(_ bytes: [UInt8]) throws(TOMLError) {
    guard bytes.count <= maximumBytes else {
      throw TOMLError(reason: "longer than \(maximumBytes) bytes", line: 0, column: 0)
    }
    var line = 1
    var dots = 0
    for byte in bytes {
      switch byte {
      case UInt8(ascii: "\n"):
        line += 1
        dots = 0
      case UInt8(ascii: "."):
        dots += 1
        guard dots <= maximumDotsPerLine else {
          throw TOMLError(reason: "more than \(maximumDotsPerLine) dots in one line", line: line, column: 0)
        }
      case 0:
        // toml++ would treat this as the end of the text.
        throw TOMLError(reason: "a NUL byte", line: line, column: 0)
      default: break
      }
    }
  }
}

/// Builds the value while the library walks its own tree.
private final class Tree {
  private enum Open {
    case table([JSONMember], key: String)
    case array([JSONValue])
  }

  private var open: [Open] = []
  private(set) var value: JSONValue?
  private(set) var error: TOMLError?

  /// The library's own message, which it sends as the only text of a document that it could not read.
  var parserError: TOMLError {
    TOMLError(reason: value?.text ?? "unreadable", line: place.line, column: place.column)
  }
  private var place = (line: 0, column: 0)

  func add(_ event: ctoml_event) {
    place = (Int(event.line), Int(event.column))
    switch event.kind {
    case ctoml_table: open.append(.table([], key: ""))
    case ctoml_array: open.append(.array([]))
    case ctoml_key:
      if case .table(let members, _)? = open.popLast() { open.append(.table(members, key: text(of: event))) }
    case ctoml_end:
      switch open.popLast() {
      case .table(let members, _): close(.object(members))
      case .array(let elements): close(.array(elements))
      case nil: break
      }
    case ctoml_string: close(.string(text(of: event)))
    case ctoml_integer: close(.integer(event.integer))
    case ctoml_float: close(.number("\(event.number)"))
    case ctoml_boolean: close(.bool(event.integer != 0))
    default:
      error = error ?? TOMLError(reason: "a date or time", line: place.line, column: place.column)
      close(.null)
    }
  }

  private func text(of event: ctoml_event) -> String {
    String(decoding: UnsafeRawBufferPointer(start: event.text, count: event.length), as: UTF8.self)
  }

  /// Adds a finished value to the table or array around it.
  private func close(_ finished: JSONValue) {
    switch open.popLast() {
    case .table(var members, let key):
      members.append(JSONMember(key, finished))
      open.append(.table(members, key: ""))
    case .array(var elements):
      elements.append(finished)
      open.append(.array(elements))
    case nil: value = finished
    }
  }
}
