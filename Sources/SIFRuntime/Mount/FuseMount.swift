import CLinux
import Glibc
public import LinuxSystem
public import SystemPackage

/// Mounts that our own server answers for (spec/runtime.md "Mounts through FUSE").
public enum FuseMount {
  /// The file system type, as /proc/self/mountinfo shows it.
  static let type = "fuse.siftool"
  /// The program that mounts for users without the right to mount.
  static let helper = "fusermount3"

  /// Mounts with this process's own rights: as root, or in its own user namespace.
  ///
  /// - Parameters:
  ///   - image: the name that the list of mounts shows.
  ///   - target: a directory.
  ///   - flags: what nothing in it may do; it is always read-only.
  /// - Returns: the device that the server answers on.
  public static func mount(
    _ image: FilePath, on target: FilePath, _ flags: MountFlags = [.noSetID, .noDevices]
  ) throws(RuntimeError) -> OwnedDescriptor {
    let device = try openDevice()
    let data =
      "fd=\(device.rawValue),rootmode=40000,user_id=\(geteuid()),group_id=\(getegid()),"
      + "default_permissions,allow_other"
    do {
      try Mounting.mount(type, image, on: target, flags.union(.readOnly), data: data)
    } catch {
      if error.errno.rawValue == ENODEV {
        throw RuntimeError(.unavailable, "the kernel has no FUSE", system: error)
      }
      throw RuntimeError(error)
    }
    return device
  }

  private static func openDevice() throws(RuntimeError) -> OwnedDescriptor {
    do { return try OwnedDescriptor(opening: "/dev/fuse", flags: O_RDWR) } catch {
      let reason = error.errno == .noSuchFileOrDirectory ? "there is none" : error.errno.description
      throw RuntimeError(
        .unavailable,
        "mounting without privilege needs /dev/fuse, and \(reason)", system: error,
        lacking: .fuseDevice)
    }
  }

  /// Mounts through the set-user-id program fusermount3.
  ///
  /// - Parameter forAll: whether other users may look inside. Only root may ask for this, unless the system
  ///   allows it.
  /// - Returns: the device that the server answers on.
  public static func mountThroughHelper(
    _ image: FilePath, on target: FilePath, forAll: Bool
  ) throws(RuntimeError) -> OwnedDescriptor {
    guard let program = find(helper) else {
      throw RuntimeError(
        .unavailable,
        "mounting without privilege needs the program \(helper) (package fuse3)", lacking: .fuseHelper)
    }
    let options =
      "ro,nosuid,nodev,default_permissions,\(forAll ? "allow_other," : "")subtype=siftool,fsname="
    let arguments = [
      Array(helper.utf8), Array("-o".utf8), Array(options.utf8) + escape(image.bytes), Array("--".utf8),
      target.bytes,
    ]
    var theirs: OwnedDescriptor?
    var output: OwnedDescriptor?
    let mine = try translating(try OwnedDescriptor.socketPair(&theirs))
    let messages = try translating(try OwnedDescriptor.socketPair(&output))
    let (socket, stream) = (theirs?.rawValue ?? -1, output?.rawValue ?? -1)
    let process = try translating { () throws(SystemError) in
      try Forking.child {
        guard dup2(stream, STDERR_FILENO) >= 0, fcntl(socket, F_SETFD, 0) == 0 else { return 1 }
        let environment = [Array("_FUSE_COMMFD=\(socket)".utf8), Array("PATH=/usr/bin:/bin".utf8)]
        _ = Forking.execute(program.bytes, arguments, environment)
        return 127
      }
    }
    // Only the program holds its ends now, so this side sees the streams end if the program fails.
    theirs = nil
    output = nil
    defer { _ = try? Forking.wait(for: process) }
    let device = try translating(try mine.receive(path: "/dev/fuse"))
    guard let device else {
      let text = (try? messages.readToEnd(limit: 4096)) ?? []
      let line = String(decoding: text.prefix { $0 != 0x0A }, as: UTF8.self)
      throw RuntimeError(.unavailable, line.isEmpty ? "\(helper) cannot mount on \(target.string)" : line)
    }
    return device
  }

  /// Unmounts what the helper mounted for this user.
  static func unmountThroughHelper(_ target: FilePath, lazily: Bool) throws(RuntimeError) {
    guard let program = find(helper) else {
      throw RuntimeError(
        .unavailable, "unmounting without privilege needs the program \(helper) (package fuse3)")
    }
    do {
      let arguments = ["-u"] + (lazily ? ["-z"] : []) + ["--", target.string]
      let outcome = try ChildProcess(running: program.string, arguments).communicate([], limit: 1 << 16)
      guard outcome.status != 0 else { return }
      let line = String(decoding: outcome.errors.prefix { $0 != 0x0A }, as: UTF8.self)
      throw RuntimeError(.system, line.isEmpty ? "\(helper) cannot unmount \(target.string)" : line)
    } catch let error as SystemError {
      throw RuntimeError(error)
    } catch let error as RuntimeError {
      throw error
    } catch {
      throw RuntimeError(.system, "\(helper) cannot unmount \(target.string)")
    }
  }

  /// Finds a program in the system's directories. PATH is ignored: somebody else may have set it.
  static func find(_ program: String) -> FilePath? {
    for directory in ["/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin", "/sbin"] {
      let path = FilePath("\(directory)/\(program)")
      if path.withPlatformString({ access($0, X_OK) }) == 0 { return path }
    }
    return nil
  }

  /// Commas separate the helper's options; a backslash before a comma makes it part of a value.
  private static func escape(_ bytes: [UInt8]) -> [UInt8] {
    bytes.flatMap { $0 == 0x2C || $0 == 0x5C ? [0x5C, $0] : [$0] }
  }
}
