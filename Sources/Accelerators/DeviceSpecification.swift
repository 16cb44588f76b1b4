import StrictJSON
public import SystemPackage
import YAML

/// A specification of devices by the Container Device Interface (CDI 0.3 to 1.0,
/// github.com/cncf-tags/container-device-interface): what a container needs for each device of one kind.
public struct DeviceSpecification: Sendable {
  /// What a device adds to a container.
  public struct Edits: Sendable, Equatable {
    /// A device node.
    public struct Node: Sendable, Equatable {
      /// The path in the container.
      public let path: FilePath
      /// The path on the host.
      public let hostPath: FilePath
    }

    /// A file or directory of the host.
    public struct Mount: Sendable, Equatable {
      /// The path on the host.
      public let hostPath: FilePath
      /// The path in the container.
      public let containerPath: FilePath
      /// Whether the container may not write to it.
      public let isReadOnly: Bool
    }

    /// A link that a hook of NVIDIA's would make.
    public struct Link: Sendable, Equatable {
      /// The link's text.
      public let target: String
      /// The link's place in the container.
      public let path: FilePath
    }

    /// Variables as names and values.
    public internal(set) var variables: [[String]] = []
    /// Device nodes.
    public internal(set) var nodes: [Node] = []
    /// Mounts.
    public internal(set) var mounts: [Mount] = []
    /// Links to libraries by other names, which stand as arguments of a hook.
    public internal(set) var links: [Link] = []
    /// The names of hooks that are not run here.
    public internal(set) var hooks: [String] = []
  }

  /// The vendor and class of the devices, such as `nvidia.com/gpu`.
  public let kind: String
  /// What every device of this specification needs.
  public let edits: Edits
  /// What each device needs besides, by its name.
  public let devices: [String: Edits]
  /// The file, for messages.
  public let file: FilePath

  /// The most bytes that a file may have.
  public static let maximumBytes = 4 << 20

  /// Reads a specification.
  ///
  /// - Parameters:
  ///   - text: JSON if the file's name ends in `.json`, else YAML.
  ///   - file: the file's path, for its name and for messages.
  /// - Throws: ``AcceleratorError`` that names the file and the member that is wrong.
  public init(parsing text: [UInt8], file: FilePath) throws(AcceleratorError) {
    let value: JSONValue
    do {
      if file.extension == "json" {
        value = try JSONParser.parse(text, limits: JSONLimits(bytes: Self.maximumBytes))
      } else {
        value = try YAML.parse(text)
      }
    } catch {
      throw AcceleratorError(.malformed, "\(file.string) is not a device specification: \(error)")
    }
    let reader = SpecificationReader(file)
    guard value.members != nil else { throw reader.malformed("the whole", "is no mapping") }
    let version = try reader.text(value, "cdiVersion", in: "")
    let numbers = version.split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 3, numbers.allSatisfy({ UInt16($0) != nil }),
      numbers[0] == "0" || numbers[0] == "1"
    else {
      throw reader.malformed("cdiVersion", "is \"\(version)\", which is unknown: 0.x and 1.x are read here")
    }
    kind = try reader.text(value, "kind", in: "")
    guard DeviceName.isKind(kind) else {
      throw reader.malformed("kind", "is \"\(kind)\", which is not VENDOR/CLASS")
    }
    edits = try reader.edits(value, in: "")
    var devices: [String: Edits] = [:]
    for (index, device) in try reader.list(value, "devices", in: "").enumerated() {
      let place = "devices[\(index)]"
      let name = try reader.text(device, "name", in: place)
      guard DeviceName.isName(name) else {
        throw reader.malformed("\(place).name", "is \"\(name)\", which names no device")
      }
      guard devices[name] == nil else {
        throw reader.malformed("\(place).name", "is \"\(name)\" a second time")
      }
      devices[name] = try reader.edits(device, in: place)
    }
    guard !devices.isEmpty else { throw reader.malformed("devices", "is empty") }
    self.devices = devices
    self.file = file
  }
}

/// The name of a device: VENDOR/CLASS=NAME (CDI specification, "Kind" and "Device names").
public struct DeviceName: Sendable, Equatable {
  /// The vendor and class, such as `nvidia.com/gpu`.
  public let kind: String
  /// The name of one device, or of a group such as `all`.
  public let name: String

  /// Reads a name.
  ///
  /// - Throws: ``AcceleratorError`` if it has another form.
  public init(_ text: String) throws(AcceleratorError) {
    guard let equals = text.firstIndex(of: "="), Self.isKind(String(text[..<equals])),
      Self.isName(String(text[text.index(after: equals)...]))
    else {
      throw AcceleratorError(
        .invalidName,
        "\"\(text)\" is not the name of a device, which has the form VENDOR/CLASS=NAME, such as nvidia.com/gpu=all"
      )
    }
    kind = String(text[..<equals])
    name = String(text[text.index(after: equals)...])
  }

  static func isKind(_ text: String) -> Bool {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 && isWord(parts[0], startsWithLetter: true)
      && isWord(parts[1], startsWithLetter: true)
  }

  static func isName(_ text: String) -> Bool { isWord(text[...], startsWithLetter: false) }

  /// Letters, digits, and within them `_ - . :`.
  private static func isWord(_ text: Substring, startsWithLetter: Bool) -> Bool {
    func isLetter(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte & 0xDF) }
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    guard let first = text.utf8.first, let last = text.utf8.last,
      isLetter(first) || !startsWithLetter && isDigit(first),
      isLetter(last) || isDigit(last)
    else { return false }
    return text.utf8.allSatisfy { isLetter($0) || isDigit($0) || "_-.:".utf8.contains($0) }
  }
}

/// Reads the members of a specification, and names those that are wrong.
private struct SpecificationReader {
  private let file: FilePath

  init(_ file: FilePath) { self.file = file }

  func malformed(_ member: String, _ reason: String) -> AcceleratorError {
    AcceleratorError(.malformed, "\(file.string): \(member) \(reason)")
  }

  private func path(_ place: String, _ name: String) -> String { place.isEmpty ? name : "\(place).\(name)" }

  func text(_ value: JSONValue, _ name: String, in place: String) throws(AcceleratorError) -> String {
    guard let text = try optionalText(value, name, in: place) else {
      throw malformed(path(place, name), "is missing")
    }
    return text
  }

  private func optionalText(_ value: JSONValue, _ name: String, in place: String) throws(AcceleratorError)
    -> String?
  {
    switch value[name] {
    case nil, .null?: return nil
    case .string(let text)?:
      guard !text.utf8.contains(0) else { throw malformed(path(place, name), "contains a NUL byte") }
      return text
    // YAML writes the version 0.5.0 and the number 1 without quotes.
    case .integer(let number)?: return "\(number)"
    case .number(let text)?: return text
    case _?: throw malformed(path(place, name), "is not a text")
    }
  }

  func list(_ value: JSONValue, _ name: String, in place: String) throws(AcceleratorError) -> [JSONValue] {
    switch value[name] {
    case nil, .null?: return []
    case .array(let elements)?: return elements
    case _?: throw malformed(path(place, name), "is not a list")
    }
  }

  private func texts(_ value: JSONValue, _ name: String, in place: String) throws(AcceleratorError)
    -> [String]
  {
    var texts: [String] = []
    for element in try list(value, name, in: place) {
      guard let text = element.text, !text.utf8.contains(0) else {
        throw malformed(path(place, name), "holds something that is not a text")
      }
      texts.append(text)
    }
    return texts
  }

  /// An absolute path that does not climb.
  private func file(_ text: String, _ place: String) throws(AcceleratorError) -> FilePath {
    let path = FilePath(text)
    guard path.isAbsolute, path != "/", !path.components.contains(where: { $0.kind != .regular }) else {
      throw malformed(place, "is \"\(text)\", which is not an absolute path without \"..\"")
    }
    return path
  }

  func edits(_ value: JSONValue, in place: String) throws(AcceleratorError) -> DeviceSpecification.Edits {
    var edits = DeviceSpecification.Edits()
    let name = "containerEdits"
    guard let value = value[name], value != .null else { return edits }
    let place = path(place, name)
    guard value.members != nil else { throw malformed(place, "is no mapping") }
    for text in try texts(value, "env", in: place) {
      let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw malformed("\(place).env", "holds \"\(text)\", which sets no variable")
      }
      edits.variables.append(parts)
    }
    for (index, node) in try list(value, "deviceNodes", in: place).enumerated() {
      edits.nodes.append(try self.node(node, in: "\(place).deviceNodes[\(index)]"))
    }
    for (index, mount) in try list(value, "mounts", in: place).enumerated() {
      let place = "\(place).mounts[\(index)]"
      edits.mounts.append(
        .init(
          hostPath: try file(try text(mount, "hostPath", in: place), "\(place).hostPath"),
          containerPath: try file(try text(mount, "containerPath", in: place), "\(place).containerPath"),
          isReadOnly: try texts(mount, "options", in: place).contains("ro")))
    }
    for (index, hook) in try list(value, "hooks", in: place).enumerated() {
      try add(hook, in: "\(place).hooks[\(index)]", to: &edits)
    }
    return edits
  }

  private func node(_ value: JSONValue, in place: String) throws(AcceleratorError)
    -> DeviceSpecification.Edits.Node
  {
    let path = try file(try text(value, "path", in: place), "\(place).path")
    guard path.starts(with: "/dev"), path != "/dev" else {
      throw malformed("\(place).path", "is \"\(path.string)\", which is not below /dev")
    }
    let host = try optionalText(value, "hostPath", in: place)
    return .init(
      path: path,
      hostPath: try host.map { (text) throws(AcceleratorError) in try file(text, "\(place).hostPath") }
        ?? path)
  }

  /// Takes what the known hooks of NVIDIA's would do from their arguments, and the names of all others.
  private func add(
    _ hook: JSONValue, in place: String, to edits: inout DeviceSpecification.Edits
  ) throws(AcceleratorError) {
    let arguments = try texts(hook, "args", in: place)
    let program = try text(hook, "path", in: place)
    if arguments.contains("create-symlinks") {
      for (index, argument) in arguments.enumerated() {
        var link = argument
        if argument == "--link" {
          guard index + 1 < arguments.count else { continue }
          link = arguments[index + 1]
        } else if argument.hasPrefix("--link=") {
          link = String(argument.dropFirst("--link=".count))
        } else {
          continue
        }
        guard let colons = link.firstRange(of: "::") else {
          throw malformed("\(place).args", "holds the link \"\(link)\", which is not TARGET::PATH")
        }
        edits.links.append(
          .init(
            target: String(link[..<colons.lowerBound]),
            path: try file(String(link[colons.upperBound...]), "\(place).args")))
      }
    } else if !arguments.contains("update-ldcache") {
      let name = FilePath(program).lastComponent?.string ?? program
      edits.hooks.append(
        ([name] + arguments.dropFirst().filter { !$0.hasPrefix("-") }.prefix(2)).joined(separator: " "))
    }
  }
}
