import SystemPackage

extension Bind {
  /// The options of a bind: `ro`, `rw`, `image-src=PATH`, `id=N` and `nonested`.
  struct Options {
    private var isReadOnly: Bool?
    private var path: FilePath?
    private var object: UInt32?
    private var isPassedOn = true

    /// Takes an option; returns false for a word that is none.
    mutating func take(_ word: [UInt8]) throws(RuntimeError) -> Bool {
      let name = String(decoding: word.prefix { $0 != 0x3D }, as: UTF8.self)
      let value = word.firstIndex(of: 0x3D).map { Array(word[($0 + 1)...]) }
      switch (name, value) {
      case ("ro", nil): isReadOnly = true
      case ("rw", nil): isReadOnly = false
      case ("nonested", nil): isPassedOn = false
      case ("image-src", let value?): try setPath(value)
      case ("id", let value?): try setObject(value)
      default: return false
      }
      return true
    }

    /// Takes a member of a mount; returns false for one that is unknown. Flags may have a value, which has no meaning.
    mutating func take(member name: String, _ value: [UInt8]?) throws(RuntimeError) -> Bool {
      switch name {
      case "ro", "readonly": isReadOnly = true
      case "nonested": isPassedOn = false
      case "image-src": try setPath(value ?? [])
      case "id": try setObject(value ?? [])
      default: return false
      }
      return true
    }

    private mutating func setPath(_ value: [UInt8]) throws(RuntimeError) {
      guard !value.isEmpty else {
        throw RuntimeError(.invalidArgument, "image-src= names a file or directory in an image")
      }
      path = FilePath(bytes: value)
    }

    private mutating func setObject(_ value: [UInt8]) throws(RuntimeError) {
      let text = String(decoding: value, as: UTF8.self)
      guard let number = UInt32(text), number > 0, !text.hasPrefix("+") else {
        throw RuntimeError(.invalidArgument, "id= is the number of a partition, not \"\(text)\"")
      }
      object = number
    }

    /// The bind with these options.
    func bind(_ source: [UInt8], at target: [UInt8]) throws(RuntimeError) -> Bind {
      var bind = try Bind(
        FilePath(bytes: source), at: FilePath(bytes: target), isReadOnly: isReadOnly ?? false)
      bind.isPassedOn = isPassedOn
      guard path != nil || object != nil else { return bind }
      guard isReadOnly != false else {
        throw RuntimeError(.invalidArgument, "what an image has is shown read-only: leave out rw")
      }
      bind.isReadOnly = true
      bind.part = ImagePart(object: object, path: path ?? "/")
      return bind
    }
  }

  /// Reads mounts in the form `type=bind,source=PATH,target=PATH,…`, one a line. They are comma-separated values: a member in
  /// double quotes may hold commas and ends of lines.
  public static func parse(mounts text: [UInt8]) throws(RuntimeError) -> [Bind] {
    let records: [[[UInt8]]]
    do { records = try CommaSeparated.records(of: text, isMultiline: true) } catch {
      throw RuntimeError(
        .invalidArgument,
        "misplaced quote in \"\(String(decoding: text, as: UTF8.self))\": a member is in double quotes as a whole, with "
          + "quotes in it doubled, or has none")
    }
    return try records.map(mount)
  }

  private static func mount(_ members: [[UInt8]]) throws(RuntimeError) -> Bind {
    var options = Options()
    var (source, target): ([UInt8]?, [UInt8]?)
    for member in members {
      let name = String(decoding: member.prefix { $0 != 0x3D }, as: UTF8.self)
      let value = member.firstIndex(of: 0x3D).map { Array(member[($0 + 1)...]) }
      switch name {
      case "type":
        guard value == Array("bind".utf8) else {
          let type = String(decoding: value ?? [], as: UTF8.self)
          throw RuntimeError(.invalidArgument, "a mount is of the type bind, not \"\(type)\"")
        }
      case "source", "src": source = try path(value, name)
      case "destination", "dst", "target": target = try path(value, name)
      case "bind-propagation":
        throw RuntimeError(
          .invalidArgument,
          "bind-propagation cannot be chosen: a container always sees what the host mounts later, and the host nothing of "
            + "the container's mounts")
      default:
        guard try options.take(member: name, value) else {
          throw RuntimeError(
            .invalidArgument,
            "\"\(name)\" is none of a mount's members: type, source, target, ro, image-src, id, nonested")
        }
      }
    }
    guard let source, let target else {
      throw RuntimeError(.invalidArgument, "a mount has a source and a target")
    }
    return try options.bind(source, at: target)
  }

  private static func path(_ value: [UInt8]?, _ name: String) throws(RuntimeError) -> [UInt8] {
    guard let value, !value.isEmpty else { throw RuntimeError(.invalidArgument, "\(name)= names a path") }
    return value
  }
}
