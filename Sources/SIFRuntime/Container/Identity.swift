import Glibc
import LinuxSystem
import SystemPackage

/// The user that the program runs as: the same user and group as outside, or root of its own namespace.
struct Identity {
  /// The numbers outside.
  let user: uid_t
  let group: gid_t
  /// Whether root of the machine starts the program.
  let isStartedByRoot: Bool
  /// The name, home directory, shell and other facts (GECOS) from the host's list of users; substitutes if it does not
  /// know the user.
  let name: String
  let home: FilePath
  private let shell: FilePath
  private let facts: [UInt8]
  /// The user's groups, with their names; the primary group comes first.
  let groups: [(name: String, number: gid_t)]

  /// The identity of this process's user, or of another one that the program is to run as.
  init(_ other: ProcessUser? = nil) {
    isStartedByRoot = geteuid() == 0
    (user, group) = (other?.user ?? geteuid(), other?.groups.first ?? getegid())
    let entry = getpwuid(user)
    name =
      entry.map { String(cString: $0.pointee.pw_name) }.flatMap(Self.listed) ?? (user == 0 ? "root" : "user")
    // Only a user whom the list does not have may say where home is, as in the runtimes.
    let path = entry.map { FilePath(platformString: $0.pointee.pw_dir) }.flatMap(Self.absolute)
    home = path ?? getenv("HOME").map { FilePath(platformString: $0) }.flatMap(Self.absolute) ?? "/"
    shell = entry.map { FilePath(platformString: $0.pointee.pw_shell) }.flatMap(Self.absolute) ?? "/bin/sh"
    facts =
      entry.map { FilePath(platformString: $0.pointee.pw_gecos).bytes }.flatMap {
        Self.isListed($0) ? $0 : nil
      } ?? []
    var numbers = [gid_t](repeating: 0, count: 65536)
    let count = getgroups(Int32(numbers.count), &numbers)
    let known =
      other?.groups.isEmpty ?? true ? Array(numbers.prefix(Int(max(count, 0)))) : other?.groups ?? []
    var found: [(String, gid_t)] = []
    for number in [group] + known
    where !found.contains(where: { $0.1 == number }) {
      let name = getgrgid(number).map { String(cString: $0.pointee.gr_name) }.flatMap(Self.listed)
      found.append((name ?? "group\(number)", number))
    }
    groups = found
  }

  private static func absolute(_ path: FilePath) -> FilePath? {
    path.isAbsolute ? path.lexicallyNormalized() : nil
  }

  /// Returns a name if it can be a field of a list of users: without colons and control characters.
  private static func listed(_ name: String) -> String? { isListed(Array(name.utf8)) ? name : nil }

  private static func isListed(_ field: [UInt8]) -> Bool {
    !field.isEmpty && field.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 != 0x3A }
  }

  /// The home directory in a container.
  func home(_ options: ContainerOptions) -> FilePath {
    options.home?.target ?? (options.isFakeRoot ? "/root" : home)
  }

  /// Refuses a home directory that would add fields or users to the container's list of users.
  static func check(home: FilePath) throws(RuntimeError) {
    guard isListed(home.bytes) else {
      throw RuntimeError(
        .invalidArgument,
        "the home directory \(home.string) has a colon or a control character in its name, which a list of users "
          + "cannot hold")
    }
  }

  /// Whether the home is a directory of the host, whose links are resolved, or is in it.
  func isHome(in directory: FilePath) -> Bool {
    home != "/" && ((try? ImageMounts.resolve(home)) ?? home).isBeneath(directory)
  }

  /// The container's list of users: the image's, with an entry for this user in place of the image's own one of that
  /// number, since the home directory differs. The shell is that of the image's entry, or the one of the host if the
  /// image has it.
  func passwd(
    _ image: [UInt8], isFakeRoot: Bool, home inside: FilePath, hasShell: (FilePath) -> Bool
  ) -> [UInt8] {
    let number = isFakeRoot ? 0 : user
    let lines = Self.lines(image)
    let own = lines.first { Self.number($0) == "\(number)" }
    var shell = own.flatMap { Self.field(6, of: $0) } ?? []
    if shell.isEmpty {
      shell = !isFakeRoot && hasShell(self.shell) ? self.shell.bytes : Array("/bin/sh".utf8)
    }
    var line = Array("\(isFakeRoot ? "root" : name):x:\(number):\(isFakeRoot ? 0 : group):".utf8)
    line += (isFakeRoot ? Array("root".utf8) : facts) + [0x3A] + inside.bytes + [0x3A] + shell
    var table: [[UInt8]] = []
    var isThere = false
    for other in lines {
      if Self.number(other) != "\(number)" {
        table.append(Array(other))
      } else if !isThere {
        table.append(line)
        isThere = true
      }
    }
    return Self.text(isThere ? table : table + [line])
  }

  /// The container's list of groups: the image's, with those of this user that it lacks.
  func group(_ image: [UInt8], isFakeRoot: Bool) -> [UInt8] {
    let lines = Self.lines(image)
    let known = Set(lines.compactMap(Self.number))
    let wanted = isFakeRoot ? [("root", 0)] : groups
    let missing = wanted.filter { !known.contains("\($0.1)") }
    return Self.text(
      lines.map { Array($0) } + missing.map { Array("\($0.0):x:\($0.1):\(isFakeRoot ? "" : name)".utf8) })
  }

  private static func lines(_ text: [UInt8]) -> [ArraySlice<UInt8>] { text.split(separator: 0x0A) }

  private static func field(_ index: Int, of line: ArraySlice<UInt8>) -> [UInt8]? {
    let fields = line.split(separator: 0x3A, omittingEmptySubsequences: false)
    return index < fields.count ? Array(fields[index]) : nil
  }

  /// The third field of a line.
  private static func number(_ line: ArraySlice<UInt8>) -> String? {
    field(2, of: line).map { String(decoding: $0, as: UTF8.self) }
  }

  private static func text(_ lines: [[UInt8]]) -> [UInt8] { lines.flatMap { $0 + [0x0A] } }
}
