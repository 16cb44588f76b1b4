import Glibc
import LinuxSystem
import SystemPackage

/// The control group of one container. Its limits are set before any process is in it.
///
/// A guardian process watches this one. When this one ends, for whatever reason, the guardian ends the
/// processes in the group and removes it.
struct LimitedGroup: ~Copyable {
  /// An open descriptor through which a process enters the group.
  let entrance: OwnedDescriptor
  /// Where the group is.
  var path: FilePath { group.path }

  private let group: ControlGroup
  private let guardian: Helper
  private let memory: Int64?

  /// Makes the group.
  ///
  /// - Throws: ``RuntimeError`` if one of the limits cannot be set; then the group is removed again.
  init(_ limits: ResourceLimits) throws(RuntimeError) {
    let name = "siftool-\(Self.randomName())"
    let place = try ControlGroupPlace(for: limits.controllers, named: name)
    let guardian = try Self.startGuardian(place, Array(name.utf8))
    let parent = try translating(
      try OwnedDescriptor(opening: place.directory.path, flags: O_RDONLY | O_DIRECTORY))
    let group: ControlGroup
    do { group = try ControlGroup(beneath: parent, named: name) } catch {
      throw RuntimeError(.unavailable, "resource limits cannot be set: \(error)", system: error)
    }
    try limits.apply(to: group)
    let entrance = try Self.entrance(of: group)
    self.guardian = guardian
    self.entrance = entrance
    self.group = group
    memory = limits.memory
  }

  /// Makes a group without limits, in which the kernel counts what is used; nil if none can be had here.
  static func counting() -> LimitedGroup? { try? LimitedGroup(.none) }

  private static func entrance(of group: borrowing ControlGroup) throws(RuntimeError) -> OwnedDescriptor {
    do { return try group.entrance() } catch { throw RuntimeError(error) }
  }

  private static func randomName() -> String {
    var generator = SystemRandomNumberGenerator()
    return (0..<2).map { _ in
      let digits = String(generator.next() as UInt64, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  // MARK: The guardian

  /// Starts the process that removes the group when this process ends or sends it a byte.
  private static func startGuardian(
    _ place: borrowing ControlGroupPlace, _ name: [UInt8]
  ) throws(RuntimeError) -> Helper {
    let refuge = place.refuge
    let (number, path) = (place.directory.rawValue, place.directory.path)
    return try translating { () throws(SystemError) in
      try Helper(.detached, keeping: [number]) { channel in
        // Signals that are sent to all processes of this name are meant for the program.
        for signal in [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2] { Glibc.signal(signal, SIG_IGN) }
        let directory = OwnedDescriptor(adopting: number, path: path)
        channel.waitForByte()
        ControlGroup.remove(name, in: directory)
        var byte: UInt8 = 1
        write(channel.rawValue, &byte, 1)
        guard let refuge else { return 0 }
        channel.waitForByte()
        for _ in 0..<1000 where !ControlGroupPlace.leave(refuge, of: directory) { usleep(10_000) }
        return 0
      }
    }
  }

  // MARK: The end

  /// Ends the processes that are left in the group, and removes it.
  ///
  /// - Returns: a sentence about processes that the kernel ended because memory ran out; nil if there were none.
  consuming func end() -> String? {
    let killed = self.killed()
    if guardian.sendByte() { guardian.channel?.waitForByte() }
    // If the guardian itself was ended, this value's end removes the group.
    guard killed > 0 else { return nil }
    let limit = memory.map { "the memory limit of \($0) bytes" } ?? "the available memory"
    return "\(limit) was not enough: the kernel ended \(killed) of the program's processes"
  }

  /// The number of processes that the kernel ended because memory ran out.
  private func killed() -> Int {
    guard let events = (try? group.read("memory.events")) ?? nil else { return 0 }
    for line in events.split(separator: "\n") {
      let words = line.split(separator: " ")
      if words.count == 2, words[0] == "oom_kill" { return Int(words[1]) ?? 0 }
    }
    return 0
  }
}

extension ResourceLimits {
  /// Sets every limit of a new group.
  ///
  /// - Throws: ``RuntimeError`` for the first limit that cannot be set as requested.
  func apply(to group: borrowing ControlGroup) throws(RuntimeError) {
    for limit in limits { try limit.apply(to: group) }
    guard !devices.isEmpty else { return }
    do { try group.filterDevices(devices.program) } catch {
      throw RuntimeError(
        .unavailable,
        error.errno == .notPermitted
          ? "only root can set rules for devices (\(error))"
          : "the rules for devices cannot be set: \(error)",
        system: error)
    }
  }
}

extension ResourceLimits.Limit {
  fileprivate func apply(to group: borrowing ControlGroup) throws(RuntimeError) {
    for file in files {
      do throws(SystemError) {
        try group.write(file.text, to: file.name)
      } catch {
        if error.errno == .noSuchFileOrDirectory, file != files.last { continue }
        throw RuntimeError(
          .unavailable,
          "\(place): the kernel does not take \"\(file.text)\" for \(file.name): \(error.errno.description)",
          system: error)
      }
      if file.controller == "cpuset" { try checkNumbers(file, group) }
      return
    }
  }

  /// The kernel accepts processors and nodes that do not exist, and then grants others.
  private func checkNumbers(
    _ file: ResourceLimits.ControlFile, _ group: borrowing ControlGroup
  ) throws(RuntimeError) {
    let effective =
      try translating(try group.read("\(file.name).effective")) ?? ""
    let line = String(effective.prefix { !$0.isNewline })
    guard let wanted = NumberList.parse(file.text), let got = NumberList.parse(line), got == wanted else {
      throw RuntimeError(.unavailable, "\(place): only \"\(line)\" of \(file.text) is available here")
    }
  }
}
