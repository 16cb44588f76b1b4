import CLinux
import Glibc
public import LinuxSystem
public import Squash
import Synchronization

/// How a file system is shown.
public struct FuseOptions: Sendable {
  /// The owner of everything; nil for the owners in the image.
  public var user: UInt32?
  /// The group of everything; nil for the groups in the image.
  public var group: UInt32?
  /// The number of threads that answer.
  public var threads: Int

  /// One thread for each processor, and the owners in the image, unless the caller says otherwise.
  public init(user: UInt32? = nil, group: UInt32? = nil, threads: Int? = nil) {
    self.user = user
    self.group = group
    self.threads = threads ?? Workers.processors(limit: 16)
  }
}

/// A squashfs that the kernel reads through /dev/fuse (spec/runtime.md "The FUSE connection").
public final class FuseSession: Sendable {
  let image: SquashImage
  let options: FuseOptions
  let cache: BlockCache
  let places = DirectoryPlaces()
  private let device: OwnedDescriptor

  /// Serves an image for the mount that an open /dev/fuse belongs to.
  public init(_ image: SquashImage, _ device: consuming OwnedDescriptor, _ options: FuseOptions) {
    self.image = image
    self.device = device
    self.options = options
    cache = BlockCache(for: image)
  }

  /// Answers the kernel until the file system is unmounted everywhere.
  ///
  /// - Parameter onLive: called as soon as the kernel and this server have agreed on a version.
  /// - Throws: ``RuntimeError`` if they cannot agree; ``SquashError`` if there is no memory for readers.
  public func run(onLive: () -> Void = {}) throws {
    let first = try FuseWorker(self)
    guard try negotiate() else { return }
    onLive()
    var threads: [Thread] = []
    defer { for thread in threads { thread.join() } }
    for _ in 1..<max(options.threads, 1) {
      let worker = try FuseWorker(self)
      // If the system cannot start more threads, the existing ones do the work.
      guard let thread = try? Thread({ worker.run() }) else { break }
      threads.append(thread)
    }
    first.run()
  }

  /// Waits for the next request. Returns its length; nil if the file system is gone.
  func receive(into buffer: UnsafeMutableRawBufferPointer) -> Int? {
    while true {
      let count = read(device.rawValue, buffer.baseAddress, buffer.count)
      if count >= 0 { return count }
      switch linux_errno() {
      // Interrupted by a signal, or the request was withdrawn before it was read.
      case EINTR, EAGAIN, ENOENT: continue
      default: return nil
      }
    }
  }

  var rawDevice: Int32 { device.rawValue }

  /// Answers the first request, in which the kernel says what it can do. Returns false if the mount is gone already.
  private func negotiate() throws(RuntimeError) -> Bool {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: FuseWorker.bufferSize, alignment: 64)
    defer { buffer.deallocate() }
    guard let count = receive(into: buffer) else { return false }
    guard let request = FuseRequest(UnsafeRawBufferPointer(rebasing: buffer[..<count])),
      request.operation == FUSE_INIT.rawValue
    else { throw RuntimeError(.unavailable, "the kernel's FUSE does not begin with its version") }
    let (major, minor): (UInt32, UInt32) = (request.argument(0), request.argument(4))
    var reply = FuseReply()
    // Version 7.23 (Linux 3.15) is the first whose reply has today's length, and the first that can do
    // without opening files.
    guard major == 7, minor >= 23 else {
      reply.send(to: rawDevice, unique: request.unique, errno: EPROTO)
      throw RuntimeError(
        .unavailable, "the kernel's FUSE is version \(major).\(minor), and at least 7.23 is needed")
    }
    let readAhead: UInt32 = request.argument(8)
    let offered: UInt32 = request.argument(12)
    let wanted =
      FUSE_ASYNC_READ | FUSE_PARALLEL_DIROPS | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO
      | FUSE_CACHE_SYMLINKS | FUSE_NO_OPEN_SUPPORT | FUSE_NO_OPENDIR_SUPPORT | FUSE_MAX_PAGES
      | FUSE_ATOMIC_O_TRUNC
    let flags = offered & UInt32(wanted)
    opensDirectories.store(flags & UInt32(FUSE_NO_OPENDIR_SUPPORT) == 0, ordering: .relaxed)
    reply.append(UInt32(7))
    reply.append(min(minor, 31))
    reply.append(readAhead)
    reply.append(flags)
    // How many requests may wait in the background, and the number at which the kernel starts to hold back.
    reply.append(UInt16(64))
    reply.append(UInt16(48))
    // The smallest size that the kernel allows for writes: nothing is ever written.
    reply.append(UInt32(4096))
    // Times have a granularity of one second.
    reply.append(UInt32(1_000_000_000))
    reply.append(UInt16(256))
    for _ in 0..<17 { reply.append(UInt16(0)) }
    reply.send(to: rawDevice, unique: request.unique)
    return true
  }

  /// Whether the kernel wants to open directories, as it does before Linux 5.1.
  let opensDirectories = Atomic<Bool>(false)
}
