import Glibc
public import LinuxSystem
import StrictJSON
public import SystemPackage

/// The capabilities that administrators grant to users and groups: `capability.json` (spec/runtime.md "Grants of
/// capabilities").
public struct CapabilityGrants: Equatable, Sendable {
  /// Who has a grant.
  public enum Holder: Equatable, Sendable {
    case user(String)
    case group(String)

    /// The name.
    public var name: String {
      switch self {
      case .user(let name), .group(let name): name
      }
    }

    /// The word for it.
    public var kind: String {
      switch self {
      case .user: "user"
      case .group: "group"
      }
    }
  }

  /// The name of the file.
  public static let fileName = "capability.json"

  /// The holders in the order of the file, each with the names of its capabilities.
  public private(set) var all: [(holder: Holder, names: [String])] = []

  /// Makes an empty list.
  public init() {}

  /// Whether two lists are the same.
  public static func == (left: CapabilityGrants, right: CapabilityGrants) -> Bool {
    left.all.elementsEqual(right.all) { $0.holder == $1.holder && $0.names == $1.names }
  }

  /// Reads a file. An empty one grants nothing.
  ///
  /// Names that this program does not know are kept: a newer runtime may have written them.
  ///
  /// - Throws: ``PolicySyntaxError``.
  public init(reading bytes: [UInt8]) throws(PolicySyntaxError) {
    if bytes.allSatisfy({ [0x20, 0x09, 0x0A, 0x0D].contains($0) }) { return }
    let value: JSONValue
    do { value = try JSONParser.parse(bytes) } catch { throw PolicySyntaxError("it is not JSON: \(error)") }
    guard let members = value.members else { throw PolicySyntaxError("it is not a JSON object") }
    for member in members {
      guard member.key == "users" || member.key == "groups" else {
        throw PolicySyntaxError("unknown member \"\(member.key)\"")
      }
      if member.value == .null { continue }
      guard let grants = member.value.members else {
        throw PolicySyntaxError("\"\(member.key)\" is not an object")
      }
      for grant in grants {
        let elements = grant.value == .null ? [] : grant.value.elements
        guard let names = elements?.compactMap(\.text), names.count == elements?.count else {
          throw PolicySyntaxError("\"\(grant.key)\" of \"\(member.key)\" is not a list of names")
        }
        if names.isEmpty { continue }
        all.append((member.key == "users" ? .user(grant.key) : .group(grant.key), names))
      }
    }
  }

  /// The bytes of a file: the form that the runtimes write.
  public var bytes: [UInt8] {
    func text(_ name: String) -> String { String(decoding: JSONWriter.compact(.string(name)), as: UTF8.self) }
    func table(_ name: String, _ grants: [(holder: Holder, names: [String])]) -> String? {
      if grants.isEmpty { return nil }
      let entries = grants.map { grant in
        "\t\t\(text(grant.holder.name)): [\n"
          + grant.names.map { "\t\t\t\(text($0))" }.joined(separator: ",\n")
          + "\n\t\t]"
      }
      return "\t\"\(name)\": {\n" + entries.joined(separator: ",\n") + "\n\t}"
    }
    let tables = [table("users", grants("user")), table("groups", grants("group"))].compactMap { $0 }
    return Array((tables.isEmpty ? "{}" : "{\n" + tables.joined(separator: ",\n") + "\n}").utf8)
  }

  private func grants(_ kind: String) -> [(holder: Holder, names: [String])] {
    all.filter { $0.holder.kind == kind }
  }

  /// The names that a holder has.
  public func names(of holder: Holder) -> [String] { all.first { $0.holder == holder }?.names ?? [] }

  /// The capabilities that root has, by its own name and by the groups of root. Names that are unknown here count for
  /// nothing.
  public func ofRoot() -> Capabilities {
    all.reduce(into: []) { set, grant in
      let isRoot =
        switch grant.holder {
        case .user(let name): name == "root"
        case .group(let name): getgrnam(name).map { $0.pointee.gr_gid == 0 } ?? false
        }
      guard isRoot else { return }
      for name in grant.names { set.formUnion(Capabilities(named: name) ?? []) }
    }
  }

  /// Gives a holder capabilities. Returns those that it had already.
  public mutating func add(_ capabilities: Capabilities, to holder: Holder) -> [String] {
    let index = all.firstIndex { $0.holder == holder } ?? all.endIndex
    if index == all.endIndex { all.append((holder, [])) }
    let old = all[index].names
    all[index].names += capabilities.names.filter { !old.contains($0) }
    return capabilities.names.filter(old.contains)
  }

  /// Takes capabilities away from a holder. Returns those that it did not have.
  public mutating func drop(_ capabilities: Capabilities, from holder: Holder) -> [String] {
    guard let index = all.firstIndex(where: { $0.holder == holder }) else { return capabilities.names }
    let old = all[index].names
    // A name that this program does not know goes with all others.
    all[index].names = old.filter { name in
      capabilities != .all && !(Capabilities(named: name).map { $0.isSubset(of: capabilities) } ?? false)
    }
    if all[index].names.isEmpty { all.remove(at: index) }
    return capabilities.names.filter { !old.contains($0) }
  }
}

/// The grants of this machine.
extension CapabilityGrants {
  private static let consequence = "until that is repaired, it grants nothing"

  /// Reads the files of all places.
  ///
  /// - Throws: ``PolicyError`` if one cannot be read, others than root can write it, or it is malformed.
  public static func configured(
    in places: [ExecutionPolicy.Place] = ExecutionPolicy.Place.known
  ) throws(PolicyError) -> CapabilityGrants {
    var grants = CapabilityGrants()
    for place in places {
      let bytes = try AdministratorsFile.read(
        fileName, in: place.directory, limit: PolicyDirectory.maximumBytes, consequence: consequence)
      for grant in try parse(bytes, place.directory, consequence).all {
        grants.merge(grant)
      }
    }
    return grants
  }

  private mutating func merge(_ grant: (holder: Holder, names: [String])) {
    if let index = all.firstIndex(where: { $0.holder == grant.holder }) {
      all[index].names += grant.names.filter { !all[index].names.contains($0) }
    } else {
      all.append(grant)
    }
  }

  private static func parse(
    _ bytes: [UInt8], _ directory: FilePath, _ consequence: String
  ) throws(PolicyError) -> CapabilityGrants {
    do throws(PolicySyntaxError) { return try CapabilityGrants(reading: bytes) } catch {
      throw .unusable(directory.appending(fileName).string, "is malformed (\(error))", consequence)
    }
  }

  /// Changes the file of the first place whose directory exists; the first place's directory is made if there is none.
  ///
  /// - Parameter holder: whose grants `change` adds to; it has to exist.
  /// - Throws: ``PolicyError`` if the file is not to be trusted or malformed, ``AdministrationError`` if it cannot be
  ///   changed; then it is as before.
  public static func add(
    _ capabilities: Capabilities, to holder: Holder,
    in places: [ExecutionPolicy.Place] = ExecutionPolicy.Place.known
  ) throws -> (file: FilePath, held: [String]) {
    try requireRoot()
    try requireExistence(of: holder)
    guard let place = try places.first(where: { try isThere($0.directory) }) ?? places.first else {
      throw AdministrationError(.system, "there is no place for \(fileName)")
    }
    if try !isThere(place.directory) {
      let status = place.directory.withPlatformString { mkdir($0, 0o755) }
      // Another process may have made it meanwhile.
      guard status == 0 || errno == EEXIST else {
        let error = SystemError(errno: Errno(rawValue: errno), operation: "create", path: place.directory)
        throw AdministrationError(.system, "\(error)", underlying: error)
      }
    }
    let held = try change(place) { $0.add(capabilities, to: holder) }
    return (place.directory.appending(fileName), held)
  }

  /// Takes capabilities away in the files of all places. Returns those that no file had.
  ///
  /// - Throws: as ``add(_:to:in:)``; also if the holder has none.
  public static func drop(
    _ capabilities: Capabilities, from holder: Holder,
    in places: [ExecutionPolicy.Place] = ExecutionPolicy.Place.known
  ) throws -> [String] {
    try requireRoot()
    guard try !configured(in: places).names(of: holder).isEmpty else {
      try requireExistence(of: holder)
      throw AdministrationError(.noEntry, "\(holder.kind) \(holder.name) has no capability")
    }
    var missing = capabilities.names
    for place in places where try isThere(place.directory) {
      let without = try change(place) { $0.drop(capabilities, from: holder) }
      missing = missing.filter(without.contains)
    }
    return missing
  }

  private static func change(
    _ place: ExecutionPolicy.Place, _ change: (inout CapabilityGrants) -> [String]
  ) throws -> [String] {
    let file = try AdministratorsFile(
      changing: fileName, in: place.directory, limit: PolicyDirectory.maximumBytes)
    let old = try parse(file.bytes, place.directory, "nothing was changed")
    var new = old
    let answer = change(&new)
    if new != old { try file.replace(with: new.bytes) }
    return answer
  }

  private static func isThere(_ directory: FilePath) throws(PolicyError) -> Bool {
    try PolicyDirectory(opening: directory, consequence: "nothing was changed") != nil
  }

  private static func requireRoot() throws(AdministrationError) {
    guard geteuid() == 0 else {
      throw AdministrationError(.notRoot, "only root may change the grants of capabilities")
    }
  }

  private static func requireExistence(of holder: Holder) throws(AdministrationError) {
    let isThere =
      switch holder {
      case .user(let name): getpwnam(name) != nil
      case .group(let name): getgrnam(name) != nil
      }
    guard isThere else {
      throw AdministrationError(.unknownName, "there is no \(holder.kind) \(holder.name)")
    }
  }
}
