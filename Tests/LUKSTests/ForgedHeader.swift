import Gcrypt
import StrictJSON
import TestSupport

@testable import LUKS

/// Headers with changed JSON and right checksums: what an attacker writes.
enum ForgedHeader {
  /// A small volume that opens with "secret".
  static let volume: [UInt8] = {
    (try? Volumes.make(Volumes.payload(8192), FormatOptions(kdf: .cheap))) ?? []
  }()

  /// The JSON of a volume's first header.
  static func json(_ volume: [UInt8]) throws -> JSONValue {
    try JSONParser.parse(Array(volume[4096..<16384].prefix { $0 != 0 }))
  }

  /// The volume with other JSON in both copies of the header.
  static func with(json: [UInt8], in volume: [UInt8] = volume) throws -> [UInt8] {
    var forged = volume
    for start in [0, 16384] {
      let area = json + [UInt8](repeating: 0, count: 12288 - json.count)
      forged.replaceSubrange(start + 4096..<start + 16384, with: area)
      try seal(&forged, start)
    }
    return forged
  }

  /// The volume with a text in its JSON replaced by another, everywhere.
  static func replacing(
    _ old: String, _ new: String, in volume: [UInt8] = volume
  ) throws -> [UInt8] {
    let text = String(decoding: volume[4096..<16384].prefix { $0 != 0 }, as: UTF8.self)
    guard text.contains(old) else { throw LUKSError(.invalidArgument, "\(old) is not in \(text)") }
    return try with(json: Array(text.replacing(old, with: new).utf8), in: volume)
  }

  /// The volume with a value of its JSON replaced by another, or added; nil takes it away.
  ///
  /// - Parameter path: the names of the members that lead to it, with slashes between.
  static func setting(
    _ path: String, _ value: JSONValue?, in volume: [UInt8] = volume
  ) throws -> [UInt8] {
    let changed = try setting(path.split(separator: "/").map(String.init)[...], value, in: json(volume))
    return try with(json: JSONWriter.compact(changed), in: volume)
  }

  private static func setting(
    _ path: ArraySlice<String>, _ value: JSONValue?, in object: JSONValue
  ) throws -> JSONValue {
    guard let name = path.first, let members = object.members else {
      throw LUKSError(.invalidArgument, "\(path) is not in \(object)")
    }
    let inner =
      path.count == 1 ? value : try setting(path.dropFirst(), value, in: object[name] ?? .object([]))
    guard let place = members.firstIndex(where: { $0.key == name }) else {
      return .object(members + (inner.map { [JSONMember(name, $0)] } ?? []))
    }
    return .object(members[..<place] + (inner.map { [JSONMember(name, $0)] } ?? []) + members[(place + 1)...])
  }

  /// Makes the checksum of the copy at an offset right again.
  static func seal(_ volume: inout [UInt8], _ start: Int, length: Int = 16384) throws {
    for index in start + 448..<start + 512 { volume[index] = 0 }
    let copy = Array(volume[start..<start + length])
    volume.replaceSubrange(start + 448..<start + 480, with: try HashContext.digest(.sha256, copy.span.bytes))
  }

  /// What checking a volume refuses it for; nil where it does not.
  static func refusal(of volume: [UInt8], allowsAnyCipher: Bool = false) throws -> LUKSError? {
    do throws(LUKSError) {
      _ = try VolumeHeader(checking: MemoryVolume(volume), allowsAnyCipher: allowsAnyCipher)
      return nil
    } catch { return error }
  }
}
