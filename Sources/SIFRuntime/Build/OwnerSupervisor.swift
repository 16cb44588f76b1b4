import CLinux
import Glibc
import LinuxSystem
import Squash
import SystemPackage

/// Answers the calls of a build's processes that the kernel refuses in a user namespace, and records what they ask for
/// (docs/decisions/0014-owners-of-a-build.md).
///
/// Every call is tried first: with ranges of users the kernel does most of them itself.
final class OwnerSupervisor: Sendable {
  private let thread: Thread
  private let stopping: OwnedDescriptor

  /// Starts a thread that answers, until ``stop()``.
  init(
    _ listener: consuming CallListener, _ filter: OwnerFilter, _ attributes: TreeAttributes
  ) throws(SystemError) {
    var other: OwnedDescriptor?
    let stopped = try OwnedDescriptor.pipe(&other)
    guard let mine = other.take() else {
      throw SystemError(errno: .badFileDescriptor, operation: "make a pipe")
    }
    stopping = mine
    let answering = Answering(listener, stopped, filter, attributes, try CallersFiles())
    thread = try Thread { answering.run() }
  }

  /// Ends the thread. The processes have ended before.
  func stop() {
    var byte: UInt8 = 0
    _ = write(stopping.rawValue, &byte, 1)
    thread.join()
  }
}

/// What the thread does.
private final class Answering: Sendable {
  private let listener: CallListener
  private let stop: OwnedDescriptor
  private let filter: OwnerFilter
  private let attributes: TreeAttributes
  private let files: CallersFiles

  init(
    _ listener: consuming CallListener, _ stop: consuming OwnedDescriptor, _ filter: OwnerFilter,
    _ attributes: TreeAttributes, _ files: consuming CallersFiles
  ) {
    self.listener = listener
    self.stop = stop
    self.filter = filter
    self.attributes = attributes
    self.files = files
  }

  private enum Answer {
    case done
    case failed(Errno)
    /// The kernel answers.
    case pass
  }

  func run() {
    // This root, umask and directory are this thread's own.
    guard linux_unshare_directories() == 0 else { return }
    umask(0)
    while let call = listener.next(until: stop) {
      switch answer(call) {
      case .done: listener.answer(call)
      case .failed(let errno): listener.answer(call, errno.rawValue)
      case .pass: listener.letPass(call)
      }
    }
  }

  private func answer(_ call: ReportedCall) -> Answer {
    guard let meaning = filter.meaning(of: call) else { return .pass }
    let arguments = call.arguments
    func number(_ index: Int) -> Int32 { Int32(truncatingIfNeeded: arguments[index]) }
    func owner(_ index: Int) -> UInt32 {
      let value = UInt32(truncatingIfNeeded: arguments[index])
      return meaning.isShort ? (value & 0xFFFF == 0xFFFF ? .max : value & 0xFFFF) : value
    }
    do throws(SystemError) {
      switch meaning.kind {
      case .path(let follows):
        let file = try file(call, AT_FDCWD, arguments[0], follows: follows)
        return try change(call, file, owner(1), owner(2))
      case .descriptor:
        let file = try files.file(call, descriptor: number(0))
        return try change(call, file, owner(1), owner(2))
      case .directory:
        let flags = number(4)
        let path = try files.text(call, at: arguments[1])
        let file =
          path.isEmpty && flags & 0x1000 != 0
          ? try files.directory(call, number(0))
          : try files.file(call, at: number(0), path, follows: flags & Int32(AT_SYMLINK_NOFOLLOW) == 0)
        return try change(call, file, owner(2), owner(3))
      case .node: return try makeNode(call, AT_FDCWD, arguments[0], number(1), arguments[2])
      case .nodeBeneath: return try makeNode(call, number(0), arguments[1], number(2), arguments[3])
      case .attribute(let follows):
        guard try isOurs(call) else { return .pass }
        return try set(call, try file(call, AT_FDCWD, arguments[0], follows: follows))
      case .attributeOfDescriptor:
        guard try isOurs(call) else { return .pass }
        return try set(call, try files.file(call, descriptor: number(0)))
      }
    } catch {
      // The caller is not to be looked into, or its memory is not there: the kernel knows the answer.
      guard error.operation != "look into a process", error.errno != .permissionDenied || isReadable(call)
      else { return .pass }
      return .failed(error.errno)
    }
  }

  private func isReadable(_ call: ReportedCall) -> Bool { (try? files.mask(call)) != nil }

  private func file(
    _ call: ReportedCall, _ directory: Int32, _ address: UInt64, follows: Bool
  ) throws(SystemError) -> OwnedDescriptor {
    try files.file(call, at: directory, try files.text(call, at: address), follows: follows)
  }

  // MARK: Owners

  /// Gives a file to others: on disk as far as that is possible, and in the record for the rest. On disk root takes their
  /// place, so that the kernel refuses what it would refuse root, and takes set-id bits and capabilities away.
  private func change(
    _ call: ReportedCall, _ file: borrowing OwnedDescriptor, _ user: UInt32, _ group: UInt32
  ) throws(SystemError) -> Answer {
    guard listener.isWaiting(call) else { return .done }
    let number = file.rawValue
    var (realUser, realGroup) = (user, group)
    if linux_change_owner(number, user, group) != 0 {
      let reason = linux_errno()
      guard [EINVAL, EPERM, EOVERFLOW].contains(reason) else {
        return .failed(Errno(rawValue: reason))
      }
      let none = UInt32.max
      if user != none, linux_change_owner(number, user, none) != 0 { realUser = 0 }
      if group != none, linux_change_owner(number, none, group) != 0 { realGroup = 0 }
      guard linux_change_owner(number, realUser, realGroup) == 0 else {
        return .failed(Errno(rawValue: linux_errno()))
      }
    }
    guard attributes.count > 0 || realUser != user || realGroup != group else { return .done }
    if user == 0, group == 0, let original = try? files.original(call, of: file),
      let known = attributes.entry(of: original)
    {
      // useradd and its relatives copy the owners of the list that they replace, as far as they see them.
      try attributes.change(file) { ($0.userID, $0.groupID) = (known.userID, known.groupID) }
      return .done
    }
    try attributes.change(file) { entry in
      if user != .max { entry.userID = realUser == user ? nil : user }
      if group != .max { entry.groupID = realGroup == group ? nil : group }
    }
    return .done
  }

  // MARK: Devices

  /// Makes a device; where the kernel does not, an empty file that stands for it.
  private func makeNode(
    _ call: ReportedCall, _ directory: Int32, _ address: UInt64, _ mode: Int32, _ device: UInt64
  ) throws(SystemError) -> Answer {
    var path = try files.text(call, at: address)
    while path.count > 1, path.last == 0x2F { path.removeLast() }
    guard !path.isEmpty else { return .failed(.noSuchFileOrDirectory) }
    let cut = path.lastIndex(of: 0x2F)
    let parent = try files.file(
      call, at: directory, cut.map { $0 == 0 ? [0x2F] : Array(path[..<$0]) } ?? [0x2E], follows: true)
    let name = Array(path[(cut.map { $0 + 1 } ?? 0)...])
    let mask = try files.mask(call)
    guard listener.isWaiting(call) else { return .done }
    let permissions = mode_t(truncatingIfNeeded: mode) & 0o7777 & ~mask
    let type = mode_t(truncatingIfNeeded: mode) & S_IFMT
    do throws(SystemError) {
      try parent.makeNode(name, mode: type | permissions, device: dev_t(device))
      return .done
    } catch {
      guard error.errno == .notPermitted else { throw error }
    }
    try parent.makeNode(name, mode: S_IFREG | permissions, device: 0)
    let file = try parent.namingBeneath(name)
    let number = DeviceNumber(kernel: dev_t(device))
    try attributes.change(file) {
      $0.node = TreeAttributes.Node(isBlock: type == S_IFBLK, number: number)
    }
    return .done
  }

  // MARK: Extended attributes

  /// Whether the kernel may refuse the attribute: capabilities, and those of root alone.
  private func isOurs(_ call: ReportedCall) throws(SystemError) -> Bool {
    let name = try files.text(call, at: call.arguments[1], limit: 256)
    return name.elementsEqual("security.capability".utf8) || name.starts(with: "trusted.".utf8)
  }

  private func set(_ call: ReportedCall, _ file: borrowing OwnedDescriptor) throws(SystemError) -> Answer {
    let name = try files.text(call, at: call.arguments[1], limit: 256)
    guard let size = Int(exactly: call.arguments[3]), size <= 1 << 16 else { return .failed(.argListTooLong) }
    let value = size == 0 ? [] : try files.bytes(call, at: call.arguments[2], count: size)
    guard listener.isWaiting(call) else { return .done }
    do throws(SystemError) {
      try files.setAttribute(
        of: file, name, value, flags: Int32(truncatingIfNeeded: call.arguments[4]))
      guard attributes.count > 0 else { return .done }
      try attributes.change(file) { $0.attributes.removeAll { $0.name == name } }
    } catch {
      guard [.notPermitted, .notSupported, .init(rawValue: ENOTSUP)].contains(error.errno) else {
        throw error
      }
      try attributes.change(file) { $0.set([ExtendedAttribute(name: name, value: value)]) }
    }
    return .done
  }
}
