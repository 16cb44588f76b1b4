import Bytes
import StrictJSON
public import SystemPackage
import TOML

/// The list of signers that an image needs, by the directory that it is in: `ecl.toml` (spec/runtime.md, "The
/// execution control list").
public struct ExecutionControlList: Equatable, Sendable {
  /// The meaning of a group's fingerprints.
  public enum Mode: String, Sendable {
    /// One of them must have signed.
    case whitelist
    /// All of them must have signed.
    case whitestrict
    /// None of them may have signed, but somebody else must have.
    case blacklist
  }

  /// One execution group.
  public struct Group: Equatable, Sendable {
    /// The name for people.
    public let tag: String
    /// The meaning of the fingerprints.
    public let mode: Mode
    /// The directory of the group's images; nil for the group of all images that are not in another group's
    /// directory.
    public let directory: FilePath?
    /// Fingerprints of primary keys, 40 hexadecimal digits in upper case.
    public let fingerprints: [String]
  }

  /// Whether the list is in force.
  public let isActivated: Bool
  /// Whether only the signatures of old runtimes count, which only cover the partition that is mounted.
  public let isLegacy: Bool
  /// The groups. No two have the same directory.
  public let groups: [Group]

  /// Reads a list.
  ///
  /// - Throws: ``PolicySyntaxError`` if the text is not TOML, or a key, type or value is unknown: an unknown
  ///   one might be the one that forbids the image.
  public init(reading bytes: [UInt8]) throws(PolicySyntaxError) {
    let table: Table
    do {
      table = Table(try TOML.parse(bytes).members ?? [], "the list")
    } catch {
      throw PolicySyntaxError(error.description)
    }
    try table.requireKeys(["activated", "legacyinsecure", "execgroup"])
    // A full disk may leave an empty file, so even that does not mean "not activated".
    guard let isActivated = try table.bool("activated") else {
      throw PolicySyntaxError("it does not say whether it is \"activated\"")
    }
    self.isActivated = isActivated
    isLegacy = try table.bool("legacyinsecure") ?? false
    var groups: [Group] = []
    for (index, value) in try table.array("execgroup").enumerated() {
      guard let members = value.members else { throw PolicySyntaxError("\"execgroup\" is not a table") }
      let group = try Group(Table(members, "execution group \(index + 1)"))
      guard !groups.contains(where: { $0.directory == group.directory }) else {
        let place = group.directory.map { "\"dirpath\" \($0.string)" } ?? "without a \"dirpath\""
        throw PolicySyntaxError("two execution groups are \(place)")
      }
      groups.append(group)
    }
    self.groups = groups
  }

  /// The group of the images in a directory: the one that names that directory, or else the one without a directory.
  public func group(of directory: FilePath) -> Group? {
    groups.first { $0.directory == directory } ?? groups.first { $0.directory == nil }
  }
}

extension ExecutionControlList.Group {
  fileprivate init(_ table: Table) throws(PolicySyntaxError) {
    try table.requireKeys(["tagname", "mode", "dirpath", "keyfp"])
    tag = try table.string("tagname") ?? ""
    guard let name = try table.string("mode"), let mode = ExecutionControlList.Mode(rawValue: name) else {
      throw PolicySyntaxError("the \"mode\" of \(table.name) is not whitelist, whitestrict or blacklist")
    }
    self.mode = mode
    let place = try table.string("dirpath") ?? ""
    guard !place.utf8.contains(0) else {
      throw PolicySyntaxError("the \"dirpath\" of \(table.name) holds a NUL byte")
    }
    let path = FilePath(place)
    guard place.isEmpty || path.isAbsolute && path.isLexicallyNormal else {
      throw PolicySyntaxError("the \"dirpath\" of \(table.name) is not absolute or has \".\" or \"..\" in it")
    }
    directory = place.isEmpty ? nil : path
    var fingerprints: [String] = []
    for value in try table.array("keyfp") {
      guard let text = value.text, let bytes = Hexadecimal.bytes(text.utf8), bytes.count == 20 else {
        throw PolicySyntaxError(
          "a \"keyfp\" of \(table.name) is not a fingerprint of 40 hexadecimal digits")
      }
      fingerprints.append(Hexadecimal.text(bytes, uppercase: true))
    }
    self.fingerprints = fingerprints
  }

  /// The group's name in messages.
  var name: String {
    let name = tag.isEmpty ? "the execution group" : "the execution group \"\(tag)\""
    return "\(name) (\(mode.rawValue), \(directory?.string ?? "any directory"))"
  }
}

/// A table of the list, which gives values of the expected types.
private struct Table {
  let members: [JSONMember]
  let name: String

  init(_ members: [JSONMember], _ name: String) {
    self.members = members
    self.name = name
  }

  func requireKeys(_ known: [String]) throws(PolicySyntaxError) {
    guard let key = members.first(where: { !known.contains($0.key) })?.key else { return }
    throw PolicySyntaxError("unknown key \"\(key)\" of \(name)")
  }

  private func value(_ key: String) -> JSONValue? { members.first { $0.key == key }?.value }

  func bool(_ key: String) throws(PolicySyntaxError) -> Bool? {
    guard let value = value(key) else { return nil }
    guard let bool = value.bool else { throw PolicySyntaxError("\"\(key)\" of \(name) is not true or false") }
    return bool
  }

  func string(_ key: String) throws(PolicySyntaxError) -> String? {
    guard let value = value(key) else { return nil }
    guard let text = value.text else { throw PolicySyntaxError("\"\(key)\" of \(name) is not a string") }
    return text
  }

  func array(_ key: String) throws(PolicySyntaxError) -> [JSONValue] {
    guard let value = value(key) else { return [] }
    guard let elements = value.elements else {
      throw PolicySyntaxError("\"\(key)\" of \(name) is not an array")
    }
    return elements
  }
}
