import ExecutionControl
import Glibc
import LinuxSystem
import SystemPackage

/// The ranges of users and groups that `/etc/subuid` and `/etc/subgid` give to a user, and the programs that map them.
struct RangeMapping {
  /// The programs with their arguments.
  let helpers: [(program: FilePath, arguments: [String])]

  /// The most ranges that the kernel takes; one more stands for the user.
  private static let most = 339

  /// Finds the ranges. Nil, with a note that says why, if the user has none or nothing can map them.
  init?(_ identity: Identity, _ onNote: (String) -> Void) {
    let users = Self.read("/etc/subuid", identity, own: identity.user)
    let groups = Self.read("/etc/subgid", identity, own: identity.group)
    for note in users.notes + groups.notes { onNote(note) }
    let tools = (FuseMount.find("newuidmap"), FuseMount.find("newgidmap"))
    guard !users.ranges.isEmpty, !groups.ranges.isEmpty, let userTool = tools.0, let groupTool = tools.1
    else {
      onNote(Self.whyNone(identity.name, users, groups))
      return nil
    }
    for (file, ranges) in [("/etc/subuid", users.ranges), ("/etc/subgid", groups.ranges)] {
      let count = ranges.reduce(0) { $0 + UInt64($1.count) }
      // The program nobody of most systems is number 65534.
      if count < 65534 {
        onNote(
          "\(file) gives \(identity.name) \(count) numbers: files of numbers beyond cannot be made inside")
      }
    }
    helpers = [
      (userTool, Self.arguments(identity.user, users.ranges)),
      (groupTool, Self.arguments(identity.group, groups.ranges)),
    ]
  }

  private static func whyNone(_ name: String, _ users: Reading, _ groups: Reading) -> String {
    let reason =
      if users.isDisabled || groups.isDisabled {
        "the administrators have switched off the ranges of \(name) in /etc/subuid and /etc/subgid"
      } else {
        "no range of users in /etc/subuid and /etc/subgid for \(name), or no newuidmap (package uidmap)"
      }
    return "\(reason): root is the only user inside"
  }

  // MARK: Files

  private struct Reading {
    var ranges: [SubordinateIDs.Range] = []
    var isDisabled = false
    var notes: [String] = []
  }

  /// Reads the ranges that can be mapped together.
  private static func read(_ file: FilePath, _ identity: Identity, own: UInt32) -> Reading {
    var reading = Reading()
    do throws(SystemError) {
      let opened = try OwnedDescriptor(opening: file, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
      let bytes = try opened.readToEnd(limit: SubordinateIDs.maximumBytes + 1)
      guard bytes.count <= SubordinateIDs.maximumBytes else {
        reading.notes = ["\(file.string) is longer than \(SubordinateIDs.maximumBytes) bytes: it is not read"]
        return reading
      }
      let answer = SubordinateIDs(reading: bytes).ranges(of: identity.name, identity.user)
      reading.isDisabled = answer.ranges.isEmpty && answer.isDisabled
      if let line = answer.faulty.first {
        reading.notes.append("line \(line) of \(file.string) is not a range, and is passed over")
      }
      reading.ranges = apart(answer.ranges, own: own)
      if reading.ranges.count > most {
        reading.ranges = Array(reading.ranges.prefix(most))
        reading.notes.append(
          "\(file.string) has more ranges than the kernel can map: the first \(most) are used")
      }
    } catch {
      if error.errno != .noSuchFileOrDirectory { reading.notes = ["\(error)"] }
    }
    return reading
  }

  /// The ranges without the numbers that an earlier one has, or that is the user's own: the kernel maps no number twice.
  static func apart(_ ranges: [SubordinateIDs.Range], own: UInt32) -> [SubordinateIDs.Range] {
    var result: [SubordinateIDs.Range] = []
    // One number inside is root's, and the last one stands for nobody.
    var room = UInt64(UInt32.max) - 1
    for range in ranges {
      guard result.count <= most else { break }
      var rest = [(UInt64(range.start), UInt64(range.start) + UInt64(range.count))]
      let taken = result.map { (UInt64($0.start), UInt64($0.start) + UInt64($0.count)) }
      for other in [(UInt64(own), UInt64(own) + 1)] + taken {
        rest = rest.flatMap { piece in
          [(piece.0, min(piece.1, other.0)), (max(piece.0, other.1), piece.1)].filter { $0.0 < $0.1 }
        }
      }
      for piece in rest {
        let count = min(piece.1 - piece.0, room)
        guard count > 0 else { break }
        room -= count
        result.append(SubordinateIDs.Range(start: UInt32(piece.0), count: UInt32(count)))
      }
    }
    return result
  }

  private static func arguments(_ own: UInt32, _ ranges: [SubordinateIDs.Range]) -> [String] {
    var inside: UInt64 = 1
    return ["0", "\(own)", "1"]
      + ranges.flatMap { range in
        defer { inside += UInt64(range.count) }
        return ["\(inside)", "\(range.start)", "\(range.count)"]
      }
  }
}
