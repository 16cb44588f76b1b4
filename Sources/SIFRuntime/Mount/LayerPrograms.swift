import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The process that starts `fuse2fs` and `fuse-overlayfs` for one container (spec/runtime.md "Ext3 file systems").
///
/// It is in the container's user namespace, and in a mount namespace of its own. What the programs mount is handed to the
/// container as a copy that is in no place; then their own namespace forgets it. So the last process of the container that
/// ends, for any reason, ends the mounts, the mounts end the programs, and the programs end this process.
final class LayerPrograms {
  private let helper: Helper

  private enum Request: UInt8 {
    /// A file system of the list.
    case volume = 1
    /// A merge of layers.
    case merge = 2
  }

  /// Starts the process.
  ///
  /// - Parameters:
  ///   - volumes: the file systems that can be asked for.
  ///   - joinsUsers: whether the container has a user namespace of its own.
  init(_ volumes: [ExtVolume], joinsUsers: Bool, isFakeRoot: Bool) throws(RuntimeError) {
    helper = try translating { () throws(SystemError) in
      try Helper(.detached, keeping: volumes.map(\.descriptorNumber)) { channel in
        serve(channel, volumes, joinsUsers, isFakeRoot)
        return 0
      }
    }
  }

  /// Gives up this process's copy of the socket.
  func letGo() { helper.closeChannel() }

  /// Tells the process which namespace it belongs to.
  func enter() throws(RuntimeError) {
    let users = try translating(try Namespaces.currentUsers())
    try translating { () throws(SystemError) in try helper.channel?.send(users) }
  }

  /// Mounts a file system of the list.
  ///
  /// - Returns: the mount, in no place.
  func mount(_ index: Int) throws(RuntimeError) -> OwnedDescriptor {
    try ask([Request.volume.rawValue, UInt8(clamping: index), 0], [])
  }

  /// Merges layers with `fuse-overlayfs`.
  ///
  /// - Parameters:
  ///   - lowers: the directories, the topmost first.
  ///   - upper: the directory with `upper` and `work`; nil if nothing can be written.
  func merge(_ lowers: [FilePath], upper: FilePath?) throws(RuntimeError) -> OwnedDescriptor {
    try ask(
      [Request.merge.rawValue, UInt8(clamping: lowers.count), upper == nil ? 0 : 1],
      lowers + (upper.map { [$0] } ?? []))
  }

  private func ask(_ request: [UInt8], _ trees: [FilePath]) throws(RuntimeError) -> OwnedDescriptor {
    let words: [UInt8]
    do throws(SystemError) {
      if let mount = try exchange(request, trees) { return mount }
      words = try helper.channel?.readToEnd(limit: 1 << 16) ?? []
    } catch { throw RuntimeError(error) }
    throw RuntimeError(bytes: words) ?? Self.isGone
  }

  /// Sends a request. Returns the mount, or nil if the reason of a failure is the rest of what can be read.
  private func exchange(_ request: [UInt8], _ trees: [FilePath]) throws(SystemError) -> OwnedDescriptor? {
    guard let number = helper.socket else { return nil }
    try SystemError.check("ask for a mount") { linux_send(number, request, request.count) }
    for path in trees {
      let copy = try Mounting.copy(of: path)
      try helper.channel?.send(copy)
    }
    var isMounted: UInt8 = 0
    let count = try SystemError.check("ask for a mount") { read(number, &isMounted, 1) }
    return count == 1 && isMounted == 1 ? try OwnedDescriptor.receive(on: number, path: "mount") : nil
  }

  private static var isGone: RuntimeError {
    RuntimeError(.system, "the process that starts fuse2fs and fuse-overlayfs has died")
  }
}

// MARK: In the other process

/// Answers requests until the other end is closed, and then waits for the programs.
private func serve(
  _ channel: borrowing OwnedDescriptor, _ volumes: [ExtVolume], _ joinsUsers: Bool, _ isFakeRoot: Bool
) {
  do {
    guard let users = try channel.receive(path: "users") else { return }
    if joinsUsers { try Namespaces.join(users: users) }
    try Namespaces.mount.enter()
    try Mounting.makePrivate()
    let stage = try Stage.cover()
    while let mount = try answer(channel, stage, volumes, isFakeRoot) {
      var isMounted: UInt8 = 1
      guard linux_send(channel.rawValue, &isMounted, 1) == 1 else { return }
      try channel.send(mount)
    }
  } catch {
    let bytes = [0] + RuntimeError(any: error).bytes
    _ = linux_send(channel.rawValue, bytes, bytes.count)
    return
  }
  while waitpid(-1, nil, 0) > 0 || errno == EINTR {}
}

private func answer(
  _ channel: borrowing OwnedDescriptor, _ stage: FilePath, _ volumes: [ExtVolume], _ isFakeRoot: Bool
) throws -> OwnedDescriptor? {
  var request = [UInt8](repeating: 0, count: 3)
  guard recv(channel.rawValue, &request, request.count, Int32(MSG_WAITALL)) == request.count else {
    return nil
  }
  let place = stage.appending("mount")
  _ = place.withPlatformString { mkdir($0, 0o755) }
  if request[0] == 1 {
    let volume = volumes[Int(request[1])]
    return try FileSystemProgram.start(fuse2fs(volume, isFakeRoot), on: place)
  }
  var paths: [FilePath] = []
  for index in 0..<(Int(request[1]) + Int(request[2])) {
    guard let tree = try channel.receive(path: "layer") else { return nil }
    let path = stage.appending("layer-\(index)")
    _ = path.withPlatformString { mkdir($0, 0o755) }
    try Mounting.attach(tree, to: path)
    paths.append(path)
  }
  let upper = request[2] == 1 ? paths.removeLast() : nil
  var options = "allow_other,lowerdir=\(paths.map(\.string).joined(separator: ":"))"
  if let upper { options += ",upperdir=\(upper.string)/upper,workdir=\(upper.string)/work" }
  let merged = try FileSystemProgram.start(
    FileSystemProgram.Call(
      name: "fuse-overlayfs", arguments: ["-f", "-o", options], file: nil,
      capabilities: [.administration, .ownContainer, Capabilities(named: "MKNOD") ?? []]), on: place)
  // The program has the directories open.
  for path in paths + (upper.map { [$0] } ?? []) { try Mounting.unmount(path, lazily: true) }
  return merged
}

private func fuse2fs(_ volume: ExtVolume, _ isFakeRoot: Bool) -> FileSystemProgram.Call {
  var options = ["allow_other", "default_permissions"]
  if !volume.isWritable { options.append("ro") }
  if volume.offset > 0 { options.append("offset=\(volume.offset)") }
  if isFakeRoot { options.append("fakeroot") }
  let file = volume.descriptorNumber
  return FileSystemProgram.Call(
    name: "fuse2fs", arguments: ["-f", "-o", options.joined(separator: ","), "/dev/fd/\(file)"], file: file,
    capabilities: [.administration, Capabilities(named: "DAC_OVERRIDE") ?? []])
}
