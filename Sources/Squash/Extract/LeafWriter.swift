import CLinux
import Glibc
import LinuxSystem
import Synchronization

/// An entry other than a directory, to be made in a directory.
struct LeafTask: Sendable {
  var directory: DirectoryHandle
  var name: [UInt8]
  var path: [UInt8]
  var inode: Inode
  /// The blocks of a regular file that one thread writes.
  var blocks: BlockRun?
  /// The record through which the file's other names find it.
  var record: HardLinkRecord?
}

/// A regular file that several threads write; the last one to finish its part completes the file.
final class SharedFile: Sendable {
  let descriptor: OwnedDescriptor
  let task: LeafTask
  let parts = Atomic<Int>(1)
  /// The reason why a part could not be read.
  let damage = Mutex<SquashError?>(nil)

  init(_ descriptor: consuming OwnedDescriptor, _ task: LeafTask) {
    self.descriptor = descriptor
    self.task = task
  }

  /// Keeps a fault of the image; throws any other error.
  func note(_ error: SquashError) throws(SquashError) {
    let fault = try error.damage(at: task.path)
    damage.withLock { $0 = $0 ?? fault }
  }
}

extension SquashError {
  /// The error with its path if only one file is at fault and others may be whole; any other error is thrown.
  func damage(at path: [UInt8]) throws(SquashError) -> SquashError {
    guard [.corrupt, .truncated, .limitExceeded].contains(code) else { throw self.at(path: path) }
    return self.at(path: path)
  }
}

/// The first name of a file with several names, and its device and inode once it exists.
final class HardLinkRecord: Sendable {
  struct Place {
    var device: dev_t
    var inode: ino_t
  }

  let path: [UInt8]
  let place = Mutex<Place?>(nil)
  let namesLeft: Atomic<UInt32>

  init(path: [UInt8], linkCount: UInt32) {
    self.path = path
    namesLeft = Atomic(linkCount - 1)
  }
}

/// The state that the threads of an extraction share.
final class ExtractionState: Sendable {
  let onUnapplied: (@Sendable (UnappliedAttributes) -> Void)?
  let isPrivileged: Bool
  /// The owner of the files that this process makes.
  let user = geteuid()
  let group = getegid()
  let existing: ExtractionOptions.Existing
  private let recordLock = Mutex(())
  /// Faults of files' content.
  private let faults = Mutex(ExtractionReport())
  let kept = Atomic<Int>(0)

  init(_ options: ExtractionOptions) {
    onUnapplied = options.onUnapplied
    isPrivileged = options.isPrivileged
    existing = options.existing
  }

  func note(_ fault: SquashError) { faults.withLock { $0.note(fault) } }

  /// Adds the faults of files' content to a report, in an order that does not depend on the threads.
  func addFaults(to report: inout ExtractionReport) {
    let found = faults.withLock { $0 }
    for fault in found.faults.sorted(by: { $0.description < $1.description }) { report.note(fault) }
    report.faultCount += found.faultCount - found.faults.count
  }

  func record(_ unapplied: UnappliedAttributes) {
    guard let onUnapplied else { return }
    recordLock.withLock { _ in onUnapplied(unapplied) }
  }
}

/// Makes entries other than directories, with content and attributes. Each thread has one.
final class LeafWriter: Worker {
  enum Job: Sendable {
    case leaves([LeafTask])
    case directories([(Entry, DirectoryHandle)])
    case part(SharedFile, BlockRun)
  }

  let reader: SquashReader
  let state: ExtractionState

  init(_ image: SquashImage, _ state: ExtractionState) throws(SquashError) {
    reader = try SquashReader(image)
    self.state = state
  }

  func perform(_ job: Job) throws(SquashError) {
    switch job {
    case .leaves(let tasks):
      for task in tasks {
        do throws(SquashError) { try write(task) } catch { remove(task, try error.damage(at: task.path)) }
      }
    case .directories(let directories):
      for (entry, handle) in directories {
        do throws(SquashError) { try setAttributes(ofDirectory: entry, on: handle) } catch {
          state.note(try error.damage(at: entry.path))
        }
      }
    case .part(let file, let run):
      do throws(SquashError) {
        try reader.read(run, of: file.task.inode.size) { (offset, bytes) throws(SquashError) in
          try Self.system { () throws(SystemError) in try file.descriptor.write(bytes, at: offset) }
        }
      } catch { try file.note(error) }
      do throws(SquashError) { try finish(file) } catch { throw error.at(path: file.task.path) }
    }
  }

  /// Turns the kernel's errors into this module's.
  static func system<Value: ~Copyable>(
    _ call: () throws(SystemError) -> Value
  ) throws(SquashError) -> Value {
    do throws(SystemError) { return try call() } catch { throw SquashError.system(error) }
  }

  /// Ends one part of a shared file; the thread that ends the last part sets the attributes.
  func finish(_ file: SharedFile) throws(SquashError) {
    guard file.parts.subtract(1, ordering: .acquiringAndReleasing).newValue == 0,
      let layout = file.task.inode.layout
    else { return }
    if file.damage.withLock({ $0 == nil }) {
      do throws(SquashError) { try writeTail(layout, to: file.descriptor) } catch { try file.note(error) }
    }
    if let damage = file.damage.withLock({ $0 }) { return remove(file.task, damage) }
    try setAttributes(file.task, on: file.descriptor)
  }

  /// Removes a file whose content is damaged; the others go on.
  private func remove(_ task: LeafTask, _ damage: SquashError) {
    try? task.directory.descriptor.remove(task.name)
    state.note(damage)
  }

  /// Makes the file of a task that will be written in parts; returns nil if it exists already.
  func create(_ task: LeafTask) throws(SquashError) -> SharedFile? {
    guard try makeRoom(for: task) else { return nil }
    let descriptor = try open(task)
    try Self.system { () throws(SystemError) in try descriptor.truncate(to: task.inode.size) }
    return SharedFile(descriptor, task)
  }

  private func open(_ task: LeafTask) throws(SquashError) -> OwnedDescriptor {
    // Files that stay ours get their final mode now; the others stay private until their owner is set.
    let isOwn = !state.isPrivileged || task.inode.userID == state.user && task.inode.groupID == state.group
    // Setting attributes needs the owner's permission to write; the final mode then follows the attributes.
    let more: mode_t = task.inode.xattrIndex == nil ? 0 : 0o200
    let mode = isOwn ? mode_t(settablePermissions(task.inode)) & 0o777 | more : 0o600
    return try Self.system { () throws(SystemError) in
      try task.directory.descriptor.openBeneath(task.name, flags: O_WRONLY | O_CREAT | O_EXCL, mode: mode)
    }
  }

  private func write(_ task: LeafTask) throws(SquashError) {
    guard try makeRoom(for: task) else { return }
    switch task.inode.content {
    case .regular(let layout):
      let descriptor = try open(task)
      var end: Int64 = 0
      if let blocks = task.blocks {
        try reader.read(blocks, of: layout.size) { (offset, bytes) throws(SquashError) in
          try Self.system { () throws(SystemError) in try descriptor.write(bytes, at: offset) }
          end = offset + Int64(bytes.count)
        }
      }
      if layout.fragment != nil {
        end = try writeTail(layout, to: descriptor) ?? end
      }
      if end < layout.size {
        try Self.system { () throws(SystemError) in try descriptor.truncate(to: layout.size) }
      }
      try setAttributes(task, on: descriptor)
    case .symlink(let target):
      try Self.system { () throws(SystemError) in
        try task.directory.descriptor.makeSymlink(task.name, target: target)
      }
      try setAttributesByName(task)
    case .device, .none:
      try makeNode(task)
    case .directory:
      break
    }
  }

  @discardableResult
  private func writeTail(_ layout: FileLayout, to descriptor: borrowing OwnedDescriptor) throws(SquashError)
    -> Int64?
  {
    var end: Int64?
    // A closure cannot capture a borrowed noncopyable value; it can capture its number.
    let number = descriptor.rawValue
    try reader.readTail(of: layout) { (offset, bytes) throws(SquashError) in
      var done = 0
      while done < bytes.count, let base = bytes.baseAddress {
        done += try Self.system { () throws(SystemError) in
          try SystemError.check("write") {
            pwrite(number, base + done, bytes.count - done, Int(offset) + done)
          }
        }
      }
      end = offset + Int64(bytes.count)
    }
    return end
  }

  /// Removes an existing file of that name when resuming.
  ///
  /// - Returns: whether the file must be made; false if an equal one exists.
  private func makeRoom(for task: LeafTask) throws(SquashError) -> Bool {
    guard state.existing == .resume else { return true }
    let directory = task.directory
    let status = try Self.system { () throws(SystemError) in try directory.descriptor.status(of: task.name) }
    guard let status else { return true }
    if try isEqual(task, status) {
      state.kept.add(1, ordering: .relaxed)
      task.record?.place.withLock { $0 = .init(device: status.st_dev, inode: status.st_ino) }
      return false
    }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw SquashError(.system, "a directory is in the way", errno: EISDIR)
    }
    try Self.system { () throws(SystemError) in try directory.descriptor.remove(task.name) }
    return true
  }

  private func isEqual(_ task: LeafTask, _ status: stat) throws(SquashError) -> Bool {
    // Attributes that cannot be set are found out only by making the file again.
    guard status.st_mode & S_IFMT == task.inode.mode & S_IFMT, task.inode.xattrIndex == nil else {
      return false
    }
    switch task.inode.content {
    case .regular(let layout):
      // The time is set last: a file that was being written when the process died has another time.
      return Int64(status.st_size) == layout.size
        && status.st_mtim.tv_sec == Int(task.inode.modificationTime) && status.st_mtim.tv_nsec == 0
    // Nothing shows whether their attributes were set, so they are made again.
    case .symlink, .device, .none, .directory: return false
    }
  }
}
