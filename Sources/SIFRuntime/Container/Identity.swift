import Glibc
import LinuxSystem
import SystemPackage

/// The user that the program runs as: the same user and group as outside, or root of its own namespace.
struct Identity {
  /// The numbers outside.
  let user: uid_t
  let group: gid_t
  /// The name and home directory on the host; substitutes if the host does not know the user.
  let name: String
  let home: FilePath
  /// All directories that may count as this user's home: the one in HOME, and the one in the list of users.
  let homes: [FilePath]
  /// The user's groups, with their names; the primary group comes first.
  let groups: [(name: String, number: gid_t)]

  /// The identity of this process's user.
  init() {
    (user, group) = (geteuid(), getegid())
    let entry = getpwuid(user)
    name =
      entry.map { String(cString: $0.pointee.pw_name) }.flatMap(Self.listed) ?? (user == 0 ? "root" : "user")
    let known = entry.map { FilePath(platformString: $0.pointee.pw_dir) }
    let variable = getenv("HOME").map { FilePath(platformString: $0) }
    homes = [variable, known].compactMap { $0 }.filter(\.isAbsolute).map { $0.lexicallyNormalized() }
    home = homes.first ?? "/"
    var numbers = [gid_t](repeating: 0, count: 65536)
    let count = getgroups(Int32(numbers.count), &numbers)
    var found: [(String, gid_t)] = []
    for number in [group] + numbers.prefix(Int(max(count, 0)))
    where !found.contains(where: { $0.1 == number }) {
      let name = getgrgid(number).map { String(cString: $0.pointee.gr_name) }.flatMap(Self.listed)
      found.append((name ?? "group\(number)", number))
    }
    groups = found
  }

  /// Returns a name if it can be a field of a list of users: without colons and control characters.
  private static func listed(_ name: String) -> String? { isListed(Array(name.utf8)) ? name : nil }

  private static func isListed(_ field: [UInt8]) -> Bool {
    !field.isEmpty && field.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != 0x3A }
  }

  /// Refuses a home directory that would add fields or users to the container's list of users.
  func checkHome() throws(RuntimeError) {
    guard Self.isListed(home.bytes) else {
      throw RuntimeError(
        .invalidArgument,
        "the home directory \(home.string) has a colon or a control character in its name, which a list of users "
          + "cannot hold: set HOME to another directory")
    }
  }

  /// Whether a directory of the host, with its links resolved, is in a home of this user or contains one.
  func isHome(near directory: FilePath) -> Bool {
    homes.filter { $0 != "/" }.contains { home in
      let home = (try? ImageMounts.resolve(home)) ?? home
      return directory.isBeneath(home) || home.isBeneath(directory)
    }
  }

  /// The container's list of users: the image's, with an entry for this user.
  func passwd(_ image: [UInt8], isFakeRoot: Bool, home inside: FilePath) -> [UInt8] {
    let number = isFakeRoot ? 0 : user
    let user = isFakeRoot ? "root" : name
    let line =
      Array("\(user):x:\(number):\(isFakeRoot ? 0 : group):\(user):".utf8) + inside.bytes
      + Array(":/bin/sh".utf8)
    // Replace the image's own entry of that number: the home directory differs.
    return Self.table(image, without: "\(number)", adding: [line])
  }

  /// The container's list of groups: the image's, with those of this user that it lacks.
  func group(_ image: [UInt8], isFakeRoot: Bool) -> [UInt8] {
    let known = Set(Self.lines(image).compactMap(Self.number))
    let wanted = isFakeRoot ? [("root", 0)] : groups
    let missing = wanted.filter { !known.contains("\($0.1)") }
    return Self.table(image, without: nil, adding: missing.map { Array("\($0.0):x:\($0.1):".utf8) })
  }

  private static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] { text.split(separator: 0x0A) }

  /// The third field of a line.
  private static func number(_ line: ArraySlice<UInt8>) -> String? {
    let fields = line.split(separator: 0x3A, omittingEmptySubsequences: false)
    return fields.count > 2 ? String(decoding: fields[2], as: UTF8.self) : nil
  }

  private static func table(_ text: [UInt8], without number: String?, adding lines: [[UInt8]]) -> [UInt8] {
    let kept = Self.lines(text).filter { number == nil || Self.number($0) != number }
    return (kept.map(Array.init) + lines).flatMap { $0 + [0x0A] }
  }

  // MARK: Ranges of numbers

  /// The first range that a file such as /etc/subuid gives this user: its start and its length.
  func range(in file: FilePath) -> (start: UInt32, count: UInt32)? {
    guard let text = try? OwnedDescriptor(opening: file, flags: O_RDONLY).readToEnd(limit: 16 << 20) else {
      return nil
    }
    for line in Self.lines(text) {
      let fields = line.split(separator: 0x3A).map { String(decoding: $0, as: UTF8.self) }
      guard fields.count == 3, fields[0] == name || fields[0] == "\(user)", let start = UInt32(fields[1]),
        let count = UInt32(fields[2]), count > 0, !start.addingReportingOverflow(count).overflow
      else { continue }
      return (start, count)
    }
    return nil
  }
}
