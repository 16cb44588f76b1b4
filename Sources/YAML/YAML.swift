public import Bytes
import CYaml
public import StrictJSON

/// The reason why a text is not YAML, or is YAML that is not accepted here, and its place.
public struct YAMLError: Fault, Equatable, Sendable {
  /// The error, in words.
  public let reason: String
  /// The line, counted from 1; 0 for the whole text.
  public let line: Int
  /// The column, counted from 1; 0 for the whole line.
  public let column: Int

  /// A stable word for scripts.
  public var identifier: String { "malformed-yaml" }

  /// Whose fault it is.
  public var kind: FaultKind { .malformed }

  /// One sentence that says what is wrong, and where.
  public var description: String {
    switch (line, column) {
    case (0, _): "YAML: \(reason)"
    case (_, 0): "YAML: \(reason) (line \(line))"
    default: "YAML: \(reason) (line \(line), column \(column))"
    }
  }
}

/// Reads YAML (yaml.org, version 1.1 as libyaml parses it) into JSON values, as far as the two formats say the same.
///
/// Plain scalars get their types by the core schema of YAML 1.2: `null`, `true` and `false`, integers and floats;
/// everything else, such as `yes`, is a string. Anchors, aliases, merge keys and tags are refused: nothing that this
/// project reads uses them, and a text of a few lines could stand for gigabytes with them.
public enum YAML {
  /// The most bytes that a text may have.
  public static let maximumBytes = 4 << 20
  /// The deepest nesting of lists and mappings.
  public static let maximumDepth = 64

  /// Parses a text of one document. An empty text is ``JSONValue/null``.
  ///
  /// - Throws: ``YAMLError`` with the place where the text violates the grammar or a limit.
  public static func parse(_ bytes: [UInt8]) throws(YAMLError) -> JSONValue {
    guard bytes.count <= maximumBytes else {
      throw YAMLError(reason: "longer than \(maximumBytes) bytes", line: 0, column: 0)
    }
    var parser = yaml_parser_t()
    guard yaml_parser_initialize(&parser) != 0 else {
      throw YAMLError(reason: "no memory to read it", line: 0, column: 0)
    }
    defer { yaml_parser_delete(&parser) }
    // The parser keeps the address until it is deleted.
    let copy = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: max(bytes.count, 1))
    defer { copy.deallocate() }
    _ = copy.update(fromContentsOf: bytes)
    yaml_parser_set_input_string(&parser, copy.baseAddress, bytes.count)
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
    var tree = Tree()
    while !tree.isComplete { try tree.add(next(&parser)) }
    return tree.value
  }

  /// Takes the next event.
  private static func next(_ parser: inout yaml_parser_t) throws(YAMLError) -> Event {
    var event = yaml_event_t()
    guard yaml_parser_parse(&parser, &event) != 0 else {
      throw YAMLError(
        reason: parser.problem.map { String(cString: $0) } ?? "unreadable",
        line: Int(clamping: parser.problem_mark.line) + 1,
        column: Int(clamping: parser.problem_mark.column) + 1)
    }
    defer { yaml_event_delete(&event) }
    let line = Int(clamping: event.start_mark.line) + 1
    let column = Int(clamping: event.start_mark.column) + 1
    func refuse(_ reason: String) -> YAMLError { YAMLError(reason: reason, line: line, column: column) }
    let content: Event.Content
    switch event.type {
    case YAML_DOCUMENT_START_EVENT: content = .document
    case YAML_STREAM_END_EVENT: content = .end
    case YAML_ALIAS_EVENT: throw refuse("an alias, which is not accepted here")
    case YAML_SCALAR_EVENT:
      let scalar = event.data.scalar
      guard scalar.anchor == nil else { throw refuse("an anchor, which is not accepted here") }
      guard scalar.tag == nil else { throw refuse("a tag, which is not accepted here") }
      let text = String(
        decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
      content = scalar.style == YAML_PLAIN_SCALAR_STYLE ? .plain(text) : .quoted(text)
    case YAML_SEQUENCE_START_EVENT:
      guard event.data.sequence_start.anchor == nil else {
        throw refuse("an anchor, which is not accepted here")
      }
      guard event.data.sequence_start.tag == nil else { throw refuse("a tag, which is not accepted here") }
      content = .sequence
    case YAML_MAPPING_START_EVENT:
      guard event.data.mapping_start.anchor == nil else {
        throw refuse("an anchor, which is not accepted here")
      }
      guard event.data.mapping_start.tag == nil else { throw refuse("a tag, which is not accepted here") }
      content = .mapping
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT: content = .close
    default: content = .none
    }
    return Event(content: content, line: line, column: column)
  }
}

/// One event of the parser.
private struct Event {
  enum Content {
    case document, end, sequence, mapping, close, none
    /// A scalar without quotes.
    case plain(String)
    case quoted(String)
  }

  let content: Content
  let line: Int
  let column: Int
}

/// Builds the value from the events.
private struct Tree {
  private enum Open {
    case sequence([JSONValue])
    case mapping([JSONMember], names: Set<String>, key: String?)
  }

  private(set) var value = JSONValue.null
  private(set) var isComplete = false
  private var open: [Open] = []
  private var documents = 0

  mutating func add(_ event: Event) throws(YAMLError) {
    switch event.content {
    case .none: break
    case .end: isComplete = true
    case .document:
      documents += 1
      guard documents == 1 else { throw refuse("a second document", event) }
    case .plain(let text): try close(Self.typed(text), event, key: text)
    case .quoted(let text): try close(.string(text), event, key: text)
    case .sequence: try begin(.sequence([]), event)
    case .mapping: try begin(.mapping([], names: [], key: nil), event)
    case .close:
      switch open.popLast() {
      case .sequence(let elements): try close(.array(elements), event, key: nil)
      case .mapping(let members, _, _): try close(.object(members), event, key: nil)
      case nil: break
      }
    }
  }

  private func refuse(_ reason: String, _ event: Event) -> YAMLError {
    YAMLError(reason: reason, line: event.line, column: event.column)
  }

  private mutating func begin(_ one: Open, _ event: Event) throws(YAMLError) {
    if case .mapping(_, _, nil)? = open.last { throw refuse("a key that is a list or a mapping", event) }
    guard open.count < YAML.maximumDepth else {
      throw refuse("nested more than \(YAML.maximumDepth) deep", event)
    }
    open.append(one)
  }

  /// Adds a finished value to the list or mapping around it.
  private mutating func close(_ finished: JSONValue, _ event: Event, key: String?) throws(YAMLError) {
    switch open.popLast() {
    case nil: value = finished
    case .sequence(var elements):
      elements.append(finished)
      open.append(.sequence(elements))
    case .mapping(let members, var names, nil):
      // Only scalars get here: `begin` refuses all other keys.
      let name = key ?? ""
      guard names.insert(name).inserted else { throw refuse("the key \"\(name)\" a second time", event) }
      open.append(.mapping(members, names: names, key: name))
    case .mapping(var members, let names, let name?):
      members.append(JSONMember(name, finished))
      open.append(.mapping(members, names: names, key: nil))
    }
  }

  /// The value of a scalar without quotes (YAML 1.2, section 10.3.2).
  private static func typed(_ text: String) -> JSONValue {
    switch text {
    case "", "~", "null", "Null", "NULL": return .null
    case "true", "True", "TRUE": return .bool(true)
    case "false", "False", "FALSE": return .bool(false)
    default: break
    }
    if let number = integer(text) { return .integer(number) }
    return isFloat(text) ? .number(text) : .string(text)
  }

  private static func integer(_ text: String) -> Int64? {
    if text.hasPrefix("0x") { return unsigned(text.dropFirst(2), radix: 16) }
    if text.hasPrefix("0o") { return unsigned(text.dropFirst(2), radix: 8) }
    return Int64(text)
  }

  private static func unsigned(_ digits: Substring, radix: Int) -> Int64? {
    guard let first = digits.first, first != "-", first != "+" else { return nil }
    return Int64(digits, radix: radix)
  }

  /// Whether a text is a number with a fraction or an exponent, or an integer of more than 64 bits.
  private static func isFloat(_ text: String) -> Bool {
    guard let first = text.utf8.first, first != 0x5F,
      text.utf8.contains(where: { (0x30...0x39).contains($0) }),
      text.utf8.allSatisfy({ (0x30...0x39).contains($0) || "+-.eE".utf8.contains($0) })
    else { return false }
    return Double(text) != nil
  }
}
