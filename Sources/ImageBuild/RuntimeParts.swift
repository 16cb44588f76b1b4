import Bytes
import Glibc
import LinuxSystem
import StrictJSON
public import SystemPackage

/// The small parts of a runnable image, besides its root file system.
public struct RuntimeParts: Sendable {
  /// The longest file that a part is read from, in bytes.
  public static let longest = 16 << 20

  /// The definition file.
  public var definition: [UInt8]?
  /// The script that `run` starts.
  public var runscript: [UInt8]?
  /// Variables of the container, as names and values.
  public private(set) var environment: [(name: String, value: [UInt8])] = []
  /// Further scripts that set variables, by their names in `/.singularity.d/env`.
  var scripts: [(name: String, text: [UInt8])] = []
  /// JSON documents that become objects of the image, by their names. They say what
  /// `inspect` shows.
  var documents: [(name: String, bytes: [UInt8])] = []
  /// Adds a JSON document that becomes an object of the image.
  mutating func addDocument(_ name: String, _ bytes: [UInt8]) { documents.append((name, bytes)) }

  /// Labels; nil for an image without a place for them.
  private var members: [JSONMember]?

  /// No part at all.
  public init() {}

  /// The JSON documents of the image. One with labels that was made of parts alone says what `inspect` shows of it.
  var objects: [(name: String, bytes: [UInt8])] {
    guard documents.isEmpty, members != nil else { return documents }
    let variables = RuntimeLayout.script(of: environment).flatMap(InspectText.value)
    let parts: [(String, JSONValue?)] = [
      ("environment", variables.map { .object([JSONMember("/\(RuntimeLayout.environmentPath)", $0)]) }),
      ("labels", members.flatMap { $0.isEmpty ? nil : .object(sortedLabels) }),
      ("runscript", runscript.flatMap(InspectText.value)),
      ("deffile", definition.flatMap(InspectText.value)),
    ]
    let attributes = parts.compactMap { name, value in value.map { JSONMember(name, $0) } }
    return attributes.isEmpty ? [] : [("inspect-metadata.json", InspectText.document(attributes))]
  }

  /// The labels, sorted by the bytes of their names.
  private var sortedLabels: [JSONMember] {
    labelMembers.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
  }

  /// The labels.
  var labelMembers: [JSONMember] { members ?? [] }

  /// The labels as a JSON document; nil where there are none.
  public var labels: [UInt8]? {
    members.map { _ in RuntimeJSON.indented(.object(sortedLabels)) }
  }

  /// Takes over a JSON object of labels.
  ///
  /// - Throws: ``ImageBuildError/Code/invalidArgument`` if it is something else, or if a value is not a string.
  public mutating func setLabels(json text: [UInt8]) throws(ImageBuildError) {
    let expected = "not a JSON object of labels, which are strings"
    let value: JSONValue
    do throws(JSONError) { value = try JSONParser.parse(text) } catch {
      throw ImageBuildError(.invalidArgument, "\(expected): \(error)", offset: error.offset)
    }
    guard let given = value.members else {
      throw ImageBuildError(.invalidArgument, "\(expected): it is another value")
    }
    if let other = given.first(where: { $0.value.text == nil }) {
      throw ImageBuildError(
        .invalidArgument, "\(expected): the value of \"\(other.key.printable)\" is not a string")
    }
    members = given
  }

  /// Sets a label, in place of one of the same key.
  public mutating func setLabel(_ key: String, _ value: String) {
    var labels = members ?? []
    labels.removeAll { $0.key == key }
    members = labels + [JSONMember(key, .string(value))]
  }

  /// Adds a variable. Its name is one of a shell's: ASCII letters, digits and underscores, and no digit first.
  ///
  /// - Throws: ``ImageBuildError/Code/invalidArgument`` for any other name.
  public mutating func addVariable(_ name: String, _ value: [UInt8]) throws(ImageBuildError) {
    let isName = name.utf8.enumerated().allSatisfy { index, byte in
      byte == 0x5F || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || index > 0 && (0x30...0x39).contains(byte)
    }
    guard isName, !name.isEmpty else {
      throw ImageBuildError(.invalidArgument, "\(name.printable) is not the name of a variable")
    }
    environment.append((name, value))
  }

  /// Adds a variable whose value is text.
  ///
  /// - Throws: ``ImageBuildError/Code/invalidArgument`` for a name that no shell accepts.
  public mutating func addVariable(_ name: String, _ value: String) throws(ImageBuildError) {
    try addVariable(name, Array(value.utf8))
  }

  /// Reads a file that becomes a part.
  ///
  /// - Throws: ``SystemError``; ``ImageBuildError/Code/limitExceeded`` for a file longer than ``longest``.
  public static func read(_ path: FilePath) throws -> [UInt8] {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY)
    let count = try file.byteCount()
    guard count <= longest else {
      throw ImageBuildError(.limitExceeded, "\(path.string) is longer than 16 MiB")
    }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    let done = try bytes.withUnsafeMutableBytes { (buffer) throws(SystemError) in
      try file.read(into: buffer, at: 0)
    }
    return Array(bytes[..<done])
  }
}
