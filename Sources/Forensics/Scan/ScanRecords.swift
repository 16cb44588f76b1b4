import Bytes
import Gcrypt
import Glibc
import LinuxSystem
import StrictJSON
public import SystemPackage

/// Which states of which images earlier records are about, and whether under the policy of this scan
/// (spec/timeline.md, "Scan records"). Sixteen bytes an image.
public struct RecordedImages: Sendable {
  /// Longer than any record, in bytes.
  public static let longestRecord = 16 << 20

  private struct Key: Hashable {
    let high: UInt64
    let low: UInt64
  }

  private let policy: String
  private var keys: Set<Key> = []
  /// Those whose last record is of another policy.
  private var otherKeys: Set<Key> = []
  private var line: [UInt8] = []
  private var lineNumber = 1
  /// How many bytes belong to whole lines so far.
  public private(set) var wholeBytes: Int64 = 0

  /// No records.
  ///
  /// - Parameter policy: the policy of the scan, as its records have it.
  public init(policy: String) { self.policy = policy }

  /// How many states are recorded under the policy.
  public var count: Int { keys.count }

  /// Whether an image is recorded as it is, under the policy.
  public func contains(_ found: FoundImage) -> Bool { keys.contains(Self.key(of: found)) }

  /// Whether an image is recorded as it is, but under another policy.
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

  /// Takes the next bytes of a file of records. A line that has no end when the last bytes were taken is torn, and
  /// does not count.
  ///
  /// - Throws: ``HashError/Code/list`` for a whole line that is no record.
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

  /// Checks, when all bytes were taken, that what has no end is what a record that was torn off leaves: its beginning, or
  /// zeros. It is cut off, which is not done to a file of something else.
  ///
  /// - Throws: ``HashError/Code/list``.
  public func checkRest() throws(HashError) {
    guard let first = line.first, first != UInt8(ascii: "{"), !line.allSatisfy({ $0 == 0 }) else { return }
    throw refusal("is no JSON object")
  }

  private func checkLength() throws(HashError) {
    if line.count > Self.longestRecord { throw refusal("is longer than any record") }
  }

  private func refusal(_ why: String) -> HashError {
    HashError(.list, "line \(lineNumber) of the records \(why)", offset: wholeBytes)
  }

  private mutating func takeLine() throws(HashError) {
    guard let record = try? JSONParser.parse(line), record.members != nil else {
      throw refusal("is no JSON object")
    }
    guard let text = record["path"]?.text else { throw refusal("has no path") }
    // What could not be read is tried again.
    if let error = record["error"], error != .null { return }
    guard let size = record["size"]?.integer, let inode = record["inode"],
      let time = record["modifiedAt"]?.text
    else { throw refusal("has no size, inode and time") }
    let number: String
    switch inode {
    case .integer(let value): number = String(value)
    // Beyond 63 bits.
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
    // The last record of a state counts: the verdict of another policy says nothing of this one.
    if record["policy"]?.text == policy {
      keys.insert(key)
      otherKeys.remove(key)
    } else {
      otherKeys.insert(key)
      keys.remove(key)
    }
  }
}

/// A file of records that a scan goes on with: read, freed of a line that was torn off, and added to.
public final class RecordFile {
  private let descriptor: OwnedDescriptor
  /// What is recorded.
  public let recorded: RecordedImages

  /// Opens a file of records, or makes it.
  ///
  /// - Parameters:
  ///   - path: the file.
  ///   - policy: the policy of the scan, as its records have it.
  /// - Throws: ``SystemError`` where the file cannot be used or another scan is using it; ``HashError`` for a file of
  ///   something else, which is left as it is.
  public init(_ path: FilePath, policy: String) throws {
    descriptor = try OwnedDescriptor(
      opening: path, flags: O_RDWR | O_CREAT | O_APPEND | O_NONBLOCK | O_NOCTTY, mode: 0o644)
    guard try descriptor.status().st_mode & S_IFMT == S_IFREG else {
      throw SystemError(
        errno: .invalidArgument, operation: "go on with records in what is no file", path: path)
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
