import CLinux
import Glibc
import LinuxSystem
import Squash

/// One thread of a session, with its own reader and its own buffers for a request and the reply.
///
/// The kernel's number of an inode is its reference in the image, so the server keeps no table of the inodes
/// that the kernel knows.
///
/// The class is Sendable because a worker is made in one thread and then handed over to its own.
final class FuseWorker: @unchecked Sendable {
  /// Requests about a read-only file system are short, but the kernel demands room for the longest write.
  static let bufferSize = 64 << 10
  /// The kernel's number of the root. The number of every other inode is its reference plus 2.
  static let rootNode: UInt64 = 1
  /// How long the kernel may cache things, in seconds: a year, because nothing ever changes.
  private static let validity: UInt64 = 365 * 86400

  let session: FuseSession
  let reader: SquashReader
  var reply = FuseReply()
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize, alignment: 64)

  init(_ session: FuseSession) throws(SquashError) {
    self.session = session
    reader = try SquashReader(session.image)
  }

  deinit { buffer.deallocate() }

  /// Answers requests until the file system is gone.
  func run() {
    while let count = session.receive(into: buffer) {
      guard let request = FuseRequest(UnsafeRawBufferPointer(rebasing: buffer[..<count])) else { continue }
      answer(request)
    }
  }

  private func answer(_ request: FuseRequest) {
    reply.clear()
    do throws(FuseFailure) {
      if try perform(request) { reply.send(to: session.rawDevice, unique: request.unique) }
    } catch {
      reply.send(to: session.rawDevice, unique: request.unique, errno: error.errno)
    }
  }

  /// Collects the reply. Returns false if it was sent already, or the request needs none.
  private func perform(_ request: FuseRequest) throws(FuseFailure) -> Bool {
    switch fuse_opcode(request.operation) {
    case FUSE_LOOKUP: try lookUp(request.name(0), in: try inode(request.node))
    case FUSE_GETATTR:
      let inode = try inode(request.node)
      reply.append(Self.validity)
      reply.append(UInt64(0))
      append(attributesOf: inode)
    case FUSE_READLINK:
      guard let target = try inode(request.node).symlinkTarget else { throw FuseFailure(EINVAL) }
      reply.append(target)
    case FUSE_READ:
      return try read(
        try inode(request.node), at: request.argument(8), count: Int(request.argument(16) as UInt32), request)
    case FUSE_READDIR: try list(request, withAttributes: false)
    case FUSE_READDIRPLUS: try list(request, withAttributes: true)
    case FUSE_STATFS: appendStatistics()
    case FUSE_GETXATTR:
      try appendAttribute(request.name(8), of: try inode(request.node), room: request.argument(0))
    case FUSE_LISTXATTR: try appendAttributeNames(of: try inode(request.node), request)
    // A kernel that does not need open directories gets ENOSYS once, and stops asking.
    case FUSE_OPENDIR where session.opensDirectories.load(ordering: .relaxed):
      reply.append(UInt64(0))
      reply.append(UInt64(FOPEN_KEEP_CACHE | FOPEN_CACHE_DIR))
    case FUSE_RELEASE, FUSE_RELEASEDIR, FUSE_DESTROY: break
    case FUSE_FORGET, FUSE_BATCH_FORGET, FUSE_INTERRUPT: return false
    default: throw FuseFailure(ENOSYS)
    }
    return true
  }

  // MARK: Inodes

  /// The inode that the kernel knows by a number.
  func inode(_ node: UInt64) throws(FuseFailure) -> Inode {
    try reading(
      try reader.inode(at: node == Self.rootNode ? reader.rootReference : node &- 2))
  }

  private func lookUp(_ name: [UInt8], in directory: Inode) throws(FuseFailure) {
    let listed = try reading(try reader.listed(name, in: directory))
    guard let listed else {
      // A negative entry: a name that does not exist never will.
      reply.append(UInt64(0))
      reply.append(UInt64(0))
      reply.append(Self.validity)
      for _ in 0..<13 { reply.append(UInt64(0)) }
      return
    }
    append(entryOf: try reading(try reader.inode(of: listed)), listed)
  }

  /// Appends an entry of 128 bytes: the number of the inode, how long it is valid, and its attributes.
  func append(entryOf inode: Inode, _ listed: ListedName) {
    reply.append(listed.reference == reader.rootReference ? Self.rootNode : listed.reference &+ 2)
    reply.append(UInt64(0))
    reply.append(Self.validity)
    reply.append(Self.validity)
    reply.append(UInt64(0))
    append(attributesOf: inode)
  }

  /// Appends attributes of 88 bytes.
  private func append(attributesOf inode: Inode) {
    // A directory's length in the format includes three bytes that are not stored.
    let size = inode.size + (inode.type == .directory ? 3 : 0)
    reply.append(UInt64(inode.number))
    reply.append(UInt64(size))
    reply.append(inode.type == .regular ? UInt64(size + 511) / 512 : 0)
    for _ in 0..<3 { reply.append(UInt64(inode.modificationTime)) }
    for _ in 0..<3 { reply.append(UInt32(0)) }
    reply.append(inode.mode)
    reply.append(inode.linkCount)
    reply.append(session.options.user ?? inode.userID)
    reply.append(session.options.group ?? inode.groupID)
    reply.append(inode.device?.packed ?? 0)
    reply.append(UInt32(session.image.superblock.blockSize))
    reply.append(UInt32(0))
  }

  private func appendStatistics() {
    let superblock = session.image.superblock
    reply.append(
      UInt64(superblock.bytesUsed + Int64(superblock.blockSize) - 1) / UInt64(superblock.blockSize))
    reply.append(UInt64(0))
    reply.append(UInt64(0))
    reply.append(UInt64(superblock.inodeCount))
    reply.append(UInt64(0))
    reply.append(UInt32(superblock.blockSize))
    reply.append(UInt32(255))
    reply.append(UInt32(superblock.blockSize))
    for _ in 0..<7 { reply.append(UInt32(0)) }
  }

  // MARK: Content

  /// Sends a range of a file. Returns whether the reply still has to be sent.
  private func read(
    _ inode: Inode, at offset: UInt64, count: Int, _ request: FuseRequest
  ) throws(FuseFailure) -> Bool {
    guard let layout = inode.layout else { throw FuseFailure(EINVAL) }
    guard let offset = Int64(exactly: offset), offset < layout.size else { return true }
    let count = Int(min(Int64(min(count, FuseReply.longest)), layout.size - offset))
    var isSent = false
    try reading { () throws(SquashError) in
      try reader.read(layout, at: offset, count: count, session.cache) { (bytes) throws(SquashError) in
        if bytes.count == count {
          // The range is in one block: send it straight from the cache.
          reply.send(bytes, to: session.rawDevice, unique: request.unique)
          isSent = true
        } else {
          reply.append(bytes)
        }
      }
    }
    return !isSent
  }

  // MARK: Extended attributes

  private func appendAttribute(_ name: [UInt8], of inode: Inode, room: UInt32) throws(FuseFailure) {
    try requireAttributes()
    let all = try reading(try reader.extendedAttributes(of: inode))
    guard let attribute = all.first(where: { $0.name == name }) else { throw FuseFailure(ENODATA) }
    try append(attribute.value, room: room)
  }

  private func appendAttributeNames(of inode: Inode, _ request: FuseRequest) throws(FuseFailure) {
    try requireAttributes()
    let all = try reading(try reader.extendedAttributes(of: inode))
    // As in the kernel, only root sees these attributes.
    let hidden = Array("trusted.".utf8)
    var names: [UInt8] = []
    for attribute in all where request.user == 0 || !attribute.name.starts(with: hidden) {
      names += attribute.name + [0]
    }
    try append(names, room: request.argument(0))
  }

  /// If no file has attributes, ENOSYS tells the kernel not to ask again.
  private func requireAttributes() throws(FuseFailure) {
    if session.image.superblock.xattrTableStart == nil { throw FuseFailure(ENOSYS) }
  }

  /// Appends bytes; or their number, if the request gives no room.
  private func append(_ bytes: [UInt8], room: UInt32) throws(FuseFailure) {
    guard room > 0 else {
      reply.append(UInt32(clamping: bytes.count))
      reply.append(UInt32(0))
      return
    }
    guard bytes.count <= Int(room), bytes.count <= FuseReply.longest else { throw FuseFailure(ERANGE) }
    reply.append(bytes)
  }
}

/// The error number that the kernel gets instead of a result.
struct FuseFailure: Error {
  let errno: Int32

  init(_ errno: Int32) { self.errno = errno }

  /// An image that is broken, or was truncated while it is mounted, causes read errors.
  init(_ error: SquashError) {
    errno =
      switch error.code {
      case .notDirectory: ENOTDIR
      case .system: error.errno ?? EIO
      default: EIO
      }
  }
}

/// Runs a body, and turns what is wrong with an image into what the kernel is told.
func reading<Result>(_ body: () throws(SquashError) -> Result) throws(FuseFailure) -> Result {
  do { return try body() } catch { throw FuseFailure(error) }
}

/// The same for one expression.
func reading<Result>(
  _ call: @autoclosure () throws(SquashError) -> Result
) throws(FuseFailure) -> Result {
  do { return try call() } catch { throw FuseFailure(error) }
}
