import Bytes
import Squash
import StrictJSON

extension Inode {
  /// Type and permissions as `ls` shows them.
  var modeText: String {
    let kinds: [FileType: String] = [
      .directory: "d", .regular: "-", .symlink: "l", .blockDevice: "b", .characterDevice: "c", .fifo: "p",
      .socket: "s",
    ]
    return (kinds[type] ?? "?") + permissionText
  }

  /// The size as `ls` shows it; for a device, its number.
  var sizeText: String { device.map { "\($0.major), \($0.minor)" } ?? "\(size)" }
}

/// A file of a squashfs, as a line for people and as a JSON object.
extension Entry {
  /// One line for people: mode, links, owner, group, size or device, time in UTC, name, target.
  func longLine(_ name: [UInt8]) -> String {
    func right(_ text: String, _ width: Int) -> String {
      String(repeating: " ", count: max(width - text.utf8.count, 0)) + text
    }
    let target = inode.symlinkTarget.map { " -> \($0.escapedName)" } ?? ""
    return "\(inode.modeText) \(right("\(inode.linkCount)", 3)) \(right("\(inode.userID)", 5))"
      + " \(right("\(inode.groupID)", 5)) \(right(inode.sizeText, 10)) \(inode.modificationTime.utcTime)"
      + " \(name.escapedName)\(target)"
  }

  /// The object of the JSON documents (spec/json/ls.schema.json).
  func json(_ attributes: [ExtendedAttribute]) -> JSONValue {
    var members = [
      JSONMember("groupId", .integer(Int64(inode.groupID))),
      JSONMember("inode", .integer(Int64(inode.number))),
      JSONMember("links", .integer(Int64(inode.linkCount))), JSONMember("mode", .string(octalMode)),
      JSONMember("modifiedAt", .string(inode.modificationTime.utcTime)),
      JSONMember("path", .string(String(decoding: [0x2F] + path, as: UTF8.self))),
      JSONMember("size", .integer(inode.size)), JSONMember("type", .string(inode.type.name)),
      JSONMember("userId", .integer(Int64(inode.userID))),
    ]
    if String(validating: path, as: UTF8.self) == nil {
      members.append(JSONMember("pathBytes", .string(([0x2F] + path).hexadecimal)))
    }
    if let device = inode.device {
      let (major, minor) = (JSONValue.integer(Int64(device.major)), JSONValue.integer(Int64(device.minor)))
      members.append(JSONMember("device", .object([JSONMember("major", major), JSONMember("minor", minor)])))
    }
    if let target = inode.symlinkTarget {
      members.append(JSONMember("target", .string(String(decoding: target, as: UTF8.self))))
      if String(validating: target, as: UTF8.self) == nil {
        members.append(JSONMember("targetBytes", .string(target.hexadecimal)))
      }
    }
    if !attributes.isEmpty {
      members.append(JSONMember("attributes", .array(attributes.map(\.json))))
    }
    return .object(members.sorted { $0.key < $1.key })
  }

  private var octalMode: String {
    let digits = String(inode.permissions, radix: 8)
    return String(repeating: "0", count: 4 - digits.utf8.count) + digits
  }
}

extension ExtendedAttribute {
  /// Name, and value in hexadecimal digits.
  var json: JSONValue {
    .object([
      JSONMember("name", .string(String(decoding: name, as: UTF8.self))),
      JSONMember("value", .string(value.hexadecimal)),
    ])
  }
}

extension SquashError {
  /// A fault as an object of the JSON documents.
  var json: JSONValue {
    .object([
      JSONMember("code", .string(code.rawValue)), JSONMember("message", .string(description)),
      JSONMember("path", path.map { .string(String(decoding: [0x2F] + $0, as: UTF8.self)) } ?? .null),
    ])
  }
}

extension FileType {
  /// The name in JSON.
  var name: String {
    switch self {
    case .directory: "directory"
    case .regular: "file"
    case .symlink: "symlink"
    case .blockDevice: "block-device"
    case .characterDevice: "character-device"
    case .fifo: "fifo"
    case .socket: "socket"
    }
  }
}

extension UInt32 {
  /// Unix seconds as ISO 8601 in UTC.
  var utcTime: String { CivilTime(seconds: Int64(self)).iso8601 }
}

extension UnappliedAttributes {
  /// A line of the manifest.
  var json: JSONValue {
    var members = [
      JSONMember("groupId", .integer(Int64(groupID))),
      JSONMember("mode", .string(String(permissions, radix: 8))),
      JSONMember("path", .string(String(decoding: path, as: UTF8.self))),
      JSONMember("type", .string(type.name)), JSONMember("userId", .integer(Int64(userID))),
    ]
    if String(validating: path, as: UTF8.self) == nil {
      members.append(JSONMember("pathBytes", .string(path.hexadecimal)))
    }
    if let device {
      let (major, minor) = (JSONValue.integer(Int64(device.major)), JSONValue.integer(Int64(device.minor)))
      members.append(JSONMember("device", .object([JSONMember("major", major), JSONMember("minor", minor)])))
    }
    if !attributes.isEmpty { members.append(JSONMember("attributes", .array(attributes.map(\.json)))) }
    return .object(members.sorted { $0.key < $1.key })
  }
}
