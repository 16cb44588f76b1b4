public import Bytes
import CToml
import StrictJSON

/// Why a text is not TOML, or not TOML that is taken here, and where.
public struct TOMLError: Fault, Equatable, Sendable {
  /// What is wrong, in words.
  public let reason: String
  /// The line, counted from 1; 0 where the whole text is meant.
  public let line: Int
  /// The column, counted from 1; 0 where the whole line is meant.
  public let column: Int

  /// A stable word for scripts.
  public var identifier: String { "malformed-toml" }

  /// Whose fault it is.
  public var kind: FaultKind { .malformed }

  /// One sentence: what is wrong and where.
  public var description: String {
    switch (line, column) {
    case (0, _): "TOML: \(reason)"
    case (_, 0): "TOML: \(reason) (line \(line))"
    default: "TOML: \(reason) (line \(line), column \(column))"
    }
  }
}

/// TOML 1.0 (toml.io), as administrators write it, read by toml++ into the values that JSON has too.
public enum TOML {
  /// The most bytes of a text.
  public static let maximumBytes = 1 << 20
  /// The most dots in one line: every dot of a key is one table within another, and the library frees those by
  /// recursion.
  public static let maximumDotsPerLine = 64

  /// The value of a TOML text: an object whose members are sorted by name.
  ///
  /// A float becomes ``JSONValue/number(_:)`` (`inf` and `nan` among them). Dates, for which nothing here has a
  /// use, are refused.
  ///
  /// - Throws: ``TOMLError`` with the place where the text leaves the grammar or a limit.
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
        // toml++ takes a text to end here.
        throw TOMLError(reason: "a NUL byte", line: line, column: 0)
      default: break
      }
    }
  }
}

/// The value that grows while the library walks its own tree.
private final class Tree {
  private enum Open {
    case table([JSONMember], key: String)
    case array([JSONValue])
  }

  private var open: [Open] = []
  private(set) var value: JSONValue?
  private(set) var error: TOMLError?

  /// The library's own reason, which it sends as the one text of a document that it could not read.
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

  /// Puts a finished value where it belongs.
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
