import CLinux
import Glibc
import LinuxSystem

/// Owners, attributes, permissions and times, in the order in which they survive: a change of owner clears
/// set-id bits and capabilities, and any later change could touch the time.
extension LeafWriter {
  /// Whether the error means "not by you" or "not on this file system"; such attributes go to the manifest.
  private static func isRefusal(_ error: SystemError) -> Bool {
    [.notPermitted, .permissionDenied, .notSupported, .invalidArgument, .outOfRange].contains(error.errno)
  }

  /// Sets every attribute of an open regular file that differs: asking costs less than setting.
  func setAttributes(_ task: LeafTask, on descriptor: borrowing OwnedDescriptor) throws(SquashError) {
    let inode = task.inode
    let status: stat
    do throws(SystemError) { status = try descriptor.status() } catch { throw SquashError.system(error) }
    let isOwned = status.st_uid == inode.userID && status.st_gid == inode.groupID
    if state.isPrivileged, !isOwned {
      do throws(SystemError) { try descriptor.setOwner(user: inode.userID, group: inode.groupID) } catch {
        try refuse(error, task.path, inode)
      }
    }
    if inode.xattrIndex != nil {
      var refused: [ExtendedAttribute] = []
      for attribute in try applicable(inode) {
        do throws(SystemError) { try descriptor.setAttribute(attribute.name, attribute.value) } catch {
          guard Self.isRefusal(error) else { throw SquashError.system(error) }
          refused.append(attribute)
        }
      }
      record(refused, task.path, inode)
    }
    do throws(SystemError) {
      // A change of owner clears set-id bits, and an access list changes the group's permissions.
      let permissions = mode_t(settablePermissions(inode))
      if !isOwned || inode.xattrIndex != nil || status.st_mode & 0o7777 != permissions {
        try descriptor.setPermissions(permissions)
      }
      try descriptor.setTimes(to: Int64(inode.modificationTime))
      if let record = task.record {
        record.place.withLock { $0 = .init(device: status.st_dev, inode: status.st_ino) }
      }
    } catch { throw SquashError.system(error) }
  }

  /// Sets all attributes of a directory.
  func setAttributes(ofDirectory entry: Entry, on handle: DirectoryHandle) throws(SquashError) {
    let task = LeafTask(
      directory: handle, name: entry.name, path: entry.path, inode: entry.inode, blocks: nil, record: nil)
    try setAttributes(task, on: handle.descriptor)
  }

  /// Sets the attributes that a symbolic link can have.
  func setAttributesByName(_ task: LeafTask) throws(SquashError) {
    let inode = task.inode
    let directory = task.directory
    try setOwner(task)
    if inode.xattrIndex != nil {
      var refused: [ExtendedAttribute] = []
      for attribute in try applicable(inode) {
        do throws(SystemError) {
          try directory.descriptor.setAttribute(of: task.name, attribute.name, attribute.value)
        } catch {
          guard Self.isRefusal(error) else { throw SquashError.system(error) }
          refused.append(attribute)
        }
      }
      record(refused, task.path, inode)
    }
    do throws(SystemError) {
      try directory.descriptor.setTimes(of: task.name, to: Int64(inode.modificationTime))
      try note(task)
    } catch { throw SquashError.system(error) }
  }

  private func note(_ task: LeafTask) throws(SystemError) {
    guard let record = task.record, let status = try task.directory.descriptor.status(of: task.name) else {
      return
    }
    record.place.withLock { $0 = .init(device: status.st_dev, inode: status.st_ino) }
  }

  /// Makes a device node, named pipe or socket.
  func makeNode(_ task: LeafTask) throws(SquashError) {
    let inode = task.inode
    let isDevice = inode.type == .blockDevice || inode.type == .characterDevice
    // Without privilege the dispatcher has recorded the device already.
    guard state.isPrivileged || !isDevice else { return }
    guard try createNode(task, isDevice: isDevice) else {
      state.record(UnappliedAttributes(path: task.path, inode: inode, attributes: []))
      return
    }
    try setOwner(task)
    let permissions = mode_t(settablePermissions(inode))
    do throws(SystemError) {
      try task.directory.descriptor.setPermissions(
        of: task.name, permissions, type: mode_t(inode.mode & S_IFMT))
    } catch { throw SquashError.system(error) }
    try setAttributesOfNode(task)
  }

  /// Returns false if the kernel refuses this process a device.
  private func createNode(_ task: LeafTask, isDevice: Bool) throws(SquashError) -> Bool {
    let device = task.inode.device.map { linux_makedev($0.major, $0.minor) } ?? 0
    do throws(SystemError) {
      try task.directory.descriptor.makeNode(
        task.name, mode: mode_t(task.inode.mode & S_IFMT) | 0o600, device: device)
      return true
    } catch {
      guard isDevice, Self.isRefusal(error) else { throw SquashError.system(error) }
      return false
    }
  }

  private func setOwner(_ task: LeafTask) throws(SquashError) {
    guard state.isPrivileged else { return }
    do throws(SystemError) {
      try task.directory.descriptor.setOwner(
        of: task.name, user: task.inode.userID, group: task.inode.groupID)
    } catch { try refuse(error, task.path, task.inode) }
  }

  private func setAttributesOfNode(_ task: LeafTask) throws(SquashError) {
    var refused: [ExtendedAttribute] = []
    for attribute in try applicable(task.inode) {
      do throws(SystemError) {
        try task.directory.descriptor.setAttribute(of: task.name, attribute.name, attribute.value)
      } catch {
        guard Self.isRefusal(error) else { throw SquashError.system(error) }
        refused.append(attribute)
      }
    }
    record(refused, task.path, task.inode)
    try LeafWriter.system { () throws(SystemError) in
      try task.directory.descriptor.setTimes(of: task.name, to: Int64(task.inode.modificationTime))
      try note(task)
    }
  }

  /// The permission bits to set. Without privilege the owner changes, and set-id bits would give away the new
  /// owner's rights.
  func settablePermissions(_ inode: Inode) -> UInt16 {
    state.isPrivileged ? inode.permissions : inode.permissions & (inode.type == .directory ? 0o1777 : 0o777)
  }

  private func applicable(_ inode: Inode) throws(SquashError) -> [ExtendedAttribute] {
    let all = try reader.extendedAttributes(of: inode)
    return state.isPrivileged ? all : all.filter { $0.isSettableByOwner }
  }

  private func refuse(_ error: SystemError, _ path: [UInt8], _ inode: Inode) throws(SquashError) {
    guard Self.isRefusal(error) else { throw SquashError.system(error) }
    state.record(UnappliedAttributes(path: path, inode: inode, attributes: []))
  }

  private func record(_ refused: [ExtendedAttribute], _ path: [UInt8], _ inode: Inode) {
    guard !refused.isEmpty else { return }
    state.record(UnappliedAttributes(path: path, inode: inode, attributes: refused))
  }
}

extension ExtendedAttribute {
  /// Whether the owner of a file may set it without privilege.
  var isSettableByOwner: Bool { name.starts(with: "user.".utf8) }
}

extension UnappliedAttributes {
  init(path: [UInt8], inode: Inode, attributes: [ExtendedAttribute]) {
    self.init(
      path: path, type: inode.type, permissions: inode.permissions, userID: inode.userID,
      groupID: inode.groupID, device: inode.device, attributes: attributes)
  }
}
