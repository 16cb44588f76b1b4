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
  /// Labels; nil for an image without a place for them.
  private var members: [JSONMember]?

  /// No part at all.
  public init() {}

  /// The labels as a JSON document; nil where there are none.
  public var labels: [UInt8]? {
    members.map { JSONWriter.pretty(.object($0)) + [0x0A] }
  }

  /// Takes over a JSON object of labels.
  ///
  /// - Returns: whether it is one: all values are strings.
  public mutating func setLabels(json text: [UInt8]) -> Bool {
    let isText = { (member: JSONMember) in if case .string = member.value { true } else { false } }
    guard let given = try? JSONParser.parse(text).members, given.allSatisfy(isText) else { return false }
    members = given
    return true
  }

  /// Sets a label, in place of one of the same key.
  public mutating func setLabel(_ key: String, _ value: String) {
    var labels = members ?? []
    labels.removeAll { $0.key == key }
    members = labels + [JSONMember(key, .string(value))]
  }

  /// Adds a variable.
  ///
  /// - Returns: whether the name is one of a shell's: ASCII letters, digits and underscores, and no digit first.
  public mutating func addVariable(_ name: String, _ value: [UInt8]) -> Bool {
    let isName = name.utf8.enumerated().allSatisfy { index, byte in
      byte == 0x5F || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
        || index > 0 && (0x30...0x39).contains(byte)
    }
    guard isName, !name.isEmpty else { return false }
    environment.append((name, value))
    return true
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
