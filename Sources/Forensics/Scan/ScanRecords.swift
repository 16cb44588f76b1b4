import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import StrictJSON
public import SystemPackage

/// The states of images that earlier records are about, under the policy of this scan or another
/// (spec/timeline.md, "Scan records"). They take sixteen bytes per image.
public struct RecordedImages: Sendable {
  /// The limit on the length of a record, in bytes.
  public static let longestRecord = 16 << 20

  private struct Key: Hashable {
    let high: UInt64
    let low: UInt64
  }

  private let policy: String
  private var keys: Set<Key> = []
  /// The states whose last record is of another policy.
  private var otherKeys: Set<Key> = []
  private var line: [UInt8] = []
  private var lineNumber = 1
  /// The number of bytes in whole lines so far.
  public private(set) var wholeBytes: Int64 = 0

  /// No records.
  ///
  /// - Parameter policy: the identity of the scan's policy, as in its records.
  public init(policy: String) { self.policy = policy }

  /// The number of states that are recorded under the policy.
  public var count: Int { keys.count }

  /// Whether the image's present state is recorded under the policy.
  public func contains(_ found: FoundImage) -> Bool { keys.contains(Self.key(of: found)) }

  /// Whether the image's present state is recorded, but under another policy.
  public func containsUnderAnotherPolicy(_ found: FoundImage) -> Bool {
    otherKeys.contains(Self.key(of: found))
  }

  private static func key(of found: FoundImage) -> Key {
    key(found.path, size: found.size, inode: String(found.inode), found.modificationTime)
  }

  private static func key(_ path: [UInt8], size: Int64, inode: String, _ time: String) -> Key {
    let text = path + [0] + Array("\(size) \(inode) \(time)".utf8)
    let digest = (try? HashContext.digest(.sha256, text.span.bytes)) ?? []
    func word(_ part: ArraySlice<UInt8>) -> UInt64 { part.reduce(0) { $0 << 8 | UInt64($1) } }
    return Key(high: word(digest.prefix(8)), low: word(digest.dropFirst(8).prefix(8)))
  }

  /// Takes the next bytes of a file of records. A last line without an end is torn, and does not count.
  ///
  /// - Throws: ``HashError/Code/list`` for a whole line that is not a record.
  public mutating func take(_ bytes: some Collection<UInt8>) throws(HashError) {
    var rest = bytes[...]
    while let end = rest.firstIndex(of: 0x0A) {
      line += rest[..<end]
      try checkLength()
      try takeLine()
      wholeBytes += Int64(line.count) + 1
      line = []
      lineNumber += 1
      rest = rest[rest.index(after: end)...]
    }
    line += rest
    try checkLength()
  }

  /// Checks, after all bytes were taken, that an unfinished last line is what a torn record leaves: its
  /// beginning, or zeros. Only then may the line be cut off; another kind of file must not be changed.
  ///
  /// - Throws: ``HashError/Code/list``.
  public func checkRest() throws(HashError) {
    guard let first = line.first, first != UInt8(ascii: "{"), !line.allSatisfy({ $0 == 0 }) else { return }
    throw refusal("is not a JSON object")
  }

  private func checkLength() throws(HashError) {
    if line.count > Self.longestRecord { throw refusal("is longer than any record") }
  }

  private func refusal(_ why: String) -> HashError {
    HashError(.list, "line \(lineNumber) of the records \(why)", offset: wholeBytes)
  }

  private mutating func takeLine() throws(HashError) {
    guard let record = try? JSONParser.parse(line), record.members != nil else {
      throw refusal("is not a JSON object")
    }
    guard let text = record["path"]?.text else { throw refusal("has no path") }
    // Images that could not be read are tried again.
    if let error = record["error"], error != .null { return }
    guard let size = record["size"]?.integer, let inode = record["inode"],
      let time = record["modifiedAt"]?.text
    else { throw refusal("has no size, inode and time") }
    let number: String
    switch inode {
    case .integer(let value): number = String(value)
    // The number has more than 63 bits.
    case .number(let text): number = text
    default: throw refusal("has no size, inode and time")
    }
    var path = Array(text.utf8)
    if let bytes = record["pathBytes"] {
      guard let exact = bytes.text.flatMap({ Hexadecimal.bytes($0.utf8) }) else {
        throw refusal("has no path")
      }
      path = exact
    }
    let key = Self.key(path, size: size, inode: number, time)
    // The last record of a state counts; the verdict under another policy does not apply to this one.
    if record["policy"]?.text == policy {
      keys.insert(key)
      otherKeys.remove(key)
    } else {
      otherKeys.insert(key)
      keys.remove(key)
    }
  }
}

/// A file of records that a scan continues: read, freed of a torn last line, and added to.
public final class RecordFile {
  private let descriptor: OwnedDescriptor
  /// The recorded states.
  public let recorded: RecordedImages

  /// Opens a file of records, or makes it.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - policy: the identity of the scan's policy, as in its records.
  /// - Throws: ``SystemError`` if the file cannot be used or another scan is using it; ``HashError`` for
  ///   another kind of file, which is left unchanged.
  public init(_ path: FilePath, policy: String) throws {
    descriptor = try OwnedDescriptor(
      opening: path, flags: O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY, mode: 0o644)
    guard try descriptor.status().st_mode & S_IFMT == S_IFREG else {
      throw SystemError(
        errno: .invalidArgument, operation: "continue records in something other than a file", path: path)
    }
    try descriptor.lock(exclusive: true, start: 0, length: Int64.max, patience: 0)
    var recorded = RecordedImages(policy: policy)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 4096)
    defer { block.deallocate() }
    var position: Int64 = 0
    while true {
      let count = try descriptor.read(into: block, at: position)
      if count == 0 { break }
      try recorded.take(UnsafeRawBufferPointer(rebasing: block[..<count]))
      position += Int64(count)
    }
    try recorded.checkRest()
    if recorded.wholeBytes < position { try descriptor.truncate(to: recorded.wholeBytes) }
    self.recorded = recorded
  }

  /// The number of the open file, to append to.
  public var rawValue: Int32 { descriptor.rawValue }
}
