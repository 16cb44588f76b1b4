import Glibc
import LinuxSystem
public import SystemPackage

/// The ranges of users, or of groups, that a file such as `/etc/subuid` gives to users: lines `NAME:START:COUNT`, where the
/// name may be a number. A line whose name begins with `!` is switched off.
public struct SubordinateIDs: Equatable, Sendable {
  /// A range of numbers.
  public struct Range: Equatable, Sendable {
    /// The first number.
    public let start: UInt32
    /// How many there are.
    public let count: UInt32

    /// The first number beyond.
    var end: UInt64 { UInt64(start) + UInt64(count) }

    /// A range.
    public init(start: UInt32, count: UInt32) {
      self.start = start
      self.count = count
    }
  }

  /// The most bytes of a file.
  public static let maximumBytes = 16 << 20
  /// How many numbers a range has that is given to a user here: as many as most programs expect.
  static let size: UInt32 = 65536

  private var lines: [ArraySlice<UInt8>]
  /// Whether the last line has an end.
  private let isEnded: Bool

  /// Reads a file. Every line stays as it is until it is changed.
  public init(reading bytes: [UInt8]) {
    lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false)
    isEnded = lines.last?.isEmpty ?? true
    if isEnded { _ = lines.popLast() }
  }

  /// The bytes of the file.
  public var bytes: [UInt8] {
    Array(lines.joined(separator: [0x0A])) + (isEnded && !lines.isEmpty ? [0x0A] : [])
  }

  // MARK: Reading

  private enum Ownership {
    case none
    case enabled
    case disabled
  }

  /// Whether a line is about a user, by name or by number.
  private static func ownership(_ line: ArraySlice<UInt8>, _ keys: [[UInt8]]) -> Ownership {
    let isDisabled = line.first == 0x21
    let rest = isDisabled ? line.dropFirst() : line
    for key in keys
    where rest.count > key.count && rest[rest.startIndex + key.count] == 0x3A && rest.starts(with: key) {
      return isDisabled ? .disabled : .enabled
    }
    return .none
  }

  private static func keys(_ name: String, _ number: UInt32) -> [[UInt8]] {
    [Array(name.utf8), Array("\(number)".utf8)].filter { !$0.isEmpty }
  }

  /// The range of a line; nil if it is not one whose numbers all exist. The last number stands for no user.
  private static func range(_ line: ArraySlice<UInt8>) -> Range? {
    let fields = line.split(separator: 0x3A, maxSplits: 3, omittingEmptySubsequences: false)
    guard fields.count == 3, let start = number(fields[1]), let count = number(fields[2]), count > 0,
      UInt64(start) + UInt64(count) <= UInt64(UInt32.max)
    else { return nil }
    return Range(start: start, count: count)
  }

  private static func number(_ field: ArraySlice<UInt8>) -> UInt32? {
    guard !field.isEmpty, field.count <= 10, field.allSatisfy({ (0x30...0x39).contains($0) }) else {
      return nil
    }
    return UInt32(String(decoding: field, as: UTF8.self))
  }

  /// What a file says of a user.
  public struct Answer: Equatable, Sendable {
    /// The ranges, in the order of the file.
    public var ranges: [Range] = []
    /// Whether there are ranges that are switched off.
    public var isDisabled = false
    /// The numbers of those lines of the user that do not hold a range.
    public var faulty: [Int] = []
  }

  /// The ranges of a user.
  public func ranges(of name: String, _ number: UInt32) -> Answer {
    let keys = Self.keys(name, number)
    var answer = Answer()
    for (index, line) in lines.enumerated() {
      switch Self.ownership(line, keys) {
      case .none: continue
      case .disabled: answer.isDisabled = true
      case .enabled:
        if let range = Self.range(line) {
          answer.ranges.append(range)
        } else {
          answer.faulty.append(index + 1)
        }
      }
    }
    return answer
  }

  // MARK: Changing

  /// A change for one user.
  public enum Change: String, Sendable {
    /// Gives the user a range, unless there is one.
    case add
    /// Takes all of the user's ranges away.
    case remove
    /// Switches the user's ranges on.
    case enable
    /// Switches the user's ranges off.
    case disable
  }

  /// Makes a change.
  ///
  /// - Throws: ``AdministrationError`` if the user has no range to change, or none is free.
  mutating func apply(_ change: Change, _ name: String, _ number: UInt32, _ file: FilePath)
    throws(AdministrationError)
  {
    let keys = Self.keys(name, number)
    let own = lines.indices.filter { Self.ownership(lines[$0], keys) != .none }
    guard change == .add || !own.isEmpty else {
      throw AdministrationError(.noEntry, "\(file.string) has no range for \(name)")
    }
    switch change {
    case .add:
      guard own.isEmpty else { return }
      guard let start = freeStart() else {
        throw AdministrationError(.noRoom, "\(file.string) has no room for \(Self.size) more numbers")
      }
      // A last line without an end would run into the new one.
      let bytes = bytes
      self = SubordinateIDs(
        reading: bytes + (isEnded || bytes.isEmpty ? [] : [0x0A])
          + Array("\(number):\(start):\(Self.size)\n".utf8))
    case .remove: lines = lines.indices.filter { !own.contains($0) }.map { lines[$0] }
    case .enable:
      for index in own where lines[index].first == 0x21 { lines[index] = lines[index].dropFirst() }
    case .disable: for index in own where lines[index].first != 0x21 { lines[index] = [0x21] + lines[index] }
    }
  }

  /// The highest start, in steps of a whole range, of numbers that no line has: as the runtimes choose it, far from the
  /// ranges that useradd gives.
  private func freeStart() -> UInt32? {
    let size = UInt64(Self.size)
    let highest = (UInt64(1) << 32) / size - 2
    // How many more lines reach into a block than into the one before.
    var steps = [Int](repeating: 0, count: Int(highest) + 3)
    for line in lines {
      guard let range = Self.range(line) else { continue }
      steps[Int(UInt64(range.start) / size)] += 1
      steps[Int((range.end - 1) / size) + 1] -= 1
    }
    var free: UInt64?
    var count = 0
    for block in 0...highest {
      count += steps[Int(block)]
      if count == 0, block >= 1 { free = block }
    }
    return free.map { UInt32($0 * size) }
  }

  /// Changes `/etc/subuid` and `/etc/subgid` for a user.
  ///
  /// - Throws: ``AdministrationError`` or ``PolicyError``; then neither file was changed, unless the system failed while
  ///   the second one was replaced.
  public static func change(_ change: Change, ofUser name: String, in directory: FilePath = "/etc") throws {
    guard geteuid() == 0 else {
      throw AdministrationError(.notRoot, "only root may change /etc/subuid and /etc/subgid")
    }
    guard let entry = getpwnam(name) else {
      throw AdministrationError(.unknownName, "there is no user \(name)")
    }
    let number = entry.pointee.pw_uid
    let users = try AdministratorsFile(changing: "subuid", in: directory, limit: maximumBytes)
    let groups = try AdministratorsFile(changing: "subgid", in: directory, limit: maximumBytes)
    let new = try (changed(users, change, name, number), changed(groups, change, name, number))
    try users.replace(with: new.0)
    try groups.replace(with: new.1)
  }

  private static func changed(
    _ file: borrowing AdministratorsFile, _ change: Change, _ name: String, _ number: UInt32
  ) throws(AdministrationError) -> [UInt8] {
    var ranges = SubordinateIDs(reading: file.bytes)
    try ranges.apply(change, name, number, file.path)
    return ranges.bytes
  }
}
