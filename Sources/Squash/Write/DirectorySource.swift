import Bytes
import Glibc
public import LinuxSystem

extension SquashWriter {
  /// Adds everything in a directory, whose own attributes become the root's.
  ///
  /// The tree is read in the order of its names' bytes, without following links. If the tree changes
  /// meanwhile, the image holds a mixture of both states, or an error is thrown; files outside are never
  /// read.
  public func add(contentsOf directory: consuming OwnedDescriptor) throws(SquashError) {
    let source = DirectorySource(self, DirectoryHandle(directory))
    try source.run()
  }
}

/// Reads a tree of files; keeps its own stack.
private final class DirectorySource {
  private struct Frame {
    var node: WriteNode
    var names: [[UInt8]]
    var pathCount: Int
  }

  private let writer: SquashWriter
  private let rootHandle: DirectoryHandle
  private var stack: DirectoryStack
  private var frames: [Frame] = []
  private var path: [UInt8] = []
  private var seen: [FileIdentity: WriteNode] = [:]

  init(_ writer: SquashWriter, _ directory: DirectoryHandle) {
    self.writer = writer
    rootHandle = directory
    stack = DirectoryStack(directory, accepts: .refuse, makes: false)
  }

  func run() throws(SquashError) {
    do throws(SquashError) {
      let status = try LeafWriter.system { () throws(SystemError) in try rootHandle.descriptor.status() }
      var attributes = FileAttributes(status)
      attributes.attributes = try xattrs(of: [0x2E], in: rootHandle)
      let identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
      if let recorded = try recorded(identity, [0x2E], rootHandle) { recorded.apply(to: &attributes) }
      writer.root.attributes = attributes
      try open(writer.root)
      while let top = frames.indices.last {
        guard let name = frames[top].names.popLast() else {
          frames.removeLast()
          if !frames.isEmpty { stack.pop() }
          continue
        }
        path.removeSubrange(frames[top].pathCount...)
        if !path.isEmpty { path.append(0x2F) }
        path.append(contentsOf: name)
        try add(name, to: frames[top].node)
      }
    } catch { throw error.at(path: path) }
  }

  private func open(_ node: WriteNode) throws(SquashError) {
    guard frames.count < TreeWalker.deepest else {
      throw SquashError(.tooDeep, "directories nested deeper than \(TreeWalker.deepest)")
    }
    let names = try LeafWriter.system { () throws(SystemError) in try stack.current().descriptor.names() }
    // Names are taken from the end, so they are sorted backwards.
    frames.append(
      Frame(node: node, names: names.sorted { $1.lexicographicallyPrecedes($0) }, pathCount: path.count))
  }

  private func add(_ name: [UInt8], to parent: WriteNode) throws(SquashError) {
    let directory = try LeafWriter.system { () throws(SystemError) in try stack.current() }
    let status = try LeafWriter.system { () throws(SystemError) in try directory.descriptor.status(of: name) }
    guard let status else { throw SquashError(.notFound, "it vanished while it was read") }
    let format = status.st_mode & S_IFMT
    let identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    guard identity != writer.options.excluded else {
      writer.report.skipped.append("\(path.escapedName): the image itself")
      return
    }
    if format != S_IFDIR, status.st_nlink > 1, let first = seen[identity] {
      first.linkCount += 1
      parent.add(
        WriteNode(name: name, type: first.type, attributes: first.attributes, content: .link(to: first)))
      return
    }
    var attributes = FileAttributes(status)
    attributes.attributes = try xattrs(of: name, in: directory)
    let recorded = try recorded(identity, name, directory)
    recorded?.apply(to: &attributes)
    writer.step()
    let type: FileType
    let content: WriteNode.Content
    switch format {
    case S_IFREG where recorded?.node != nil:
      (type, content) = recorded?.node.map { ($0.type, .device($0.number)) } ?? (.regular, .other)
    case S_IFDIR: (type, content) = (.directory, .directory)
    case S_IFREG: (type, content) = (.regular, .regular(try store(name, in: directory)))
    case S_IFLNK:
      let target = try LeafWriter.system { () throws(SystemError) in
        try directory.descriptor.symlinkTarget(of: name)
      }
      (type, content) = (.symlink, .symlink(target))
    case S_IFBLK, S_IFCHR:
      (type, content) = (
        format == S_IFBLK ? .blockDevice : .characterDevice, .device(DeviceNumber(kernel: status.st_rdev))
      )
    case S_IFIFO: (type, content) = (.fifo, .other)
    default: (type, content) = (.socket, .other)
    }
    let node = parent.add(WriteNode(name: name, type: type, attributes: attributes, content: content))
    if format != S_IFDIR, status.st_nlink > 1 { seen[identity] = node }
    if format == S_IFDIR {
      stack.push(name)
      try open(node)
    }
  }

  /// What the caller knows of a file besides what the disk says.
  private func recorded(
    _ identity: FileIdentity, _ name: [UInt8], _ directory: DirectoryHandle
  ) throws(SquashError) -> TreeAttributes.Entry? {
    guard let all = writer.options.treeAttributes, all.mayKnow(identity) else { return nil }
    return try LeafWriter.system { () throws(SystemError) in
      all.entry(of: try directory.descriptor.namingBeneath(name))
    }
  }

  private func xattrs(of name: [UInt8], in directory: DirectoryHandle) throws(SquashError)
    -> [ExtendedAttribute]
  {
    guard writer.options.keepsAttributes else { return [] }
    return try LeafWriter.system { () throws(SystemError) in
      try directory.descriptor.attributes(of: name).map { ExtendedAttribute(name: $0.name, value: $0.value) }
    }
  }

  private func store(_ name: [UInt8], in directory: DirectoryHandle) throws(SquashError) -> StoredContent {
    let file: OpenFile
    do throws(SystemError) {
      file = OpenFile(try directory.descriptor.openBeneath(name, flags: O_RDONLY | O_NONBLOCK))
    } catch { throw SquashError.system(error) }
    let status = try LeafWriter.system { () throws(SystemError) in try file.descriptor.status() }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SquashError(.notRegularFile, "it was replaced while it was read")
    }
    return try writer.store(file, size: Int64(status.st_size))
  }
}

/// An open file that is read for the image.
final class OpenFile {
  /// Not a fault of the image, which does not exist yet.
  fileprivate static let becameShorter = SquashError(.system, "it became shorter while it was read")

  let descriptor: OwnedDescriptor
  init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

  /// Reads exactly `count` bytes.
  func read(_ buffer: UnsafeMutableRawPointer, _ count: Int, at offset: Int64) throws(SquashError) {
    let bytes = UnsafeMutableRawBufferPointer(start: buffer, count: count)
    let done = try LeafWriter.system { () throws(SystemError) in try descriptor.read(into: bytes, at: offset)
    }
    guard done == count else { throw Self.becameShorter }
  }
}

extension FileAttributes {
  init(_ status: stat) {
    self.init(
      permissions: UInt16(status.st_mode & 0o7777), userID: status.st_uid, groupID: status.st_gid,
      modificationTime: Int64(status.st_mtim.tv_sec))
  }
}

extension SquashWriter {
  /// Stores a file's content. A file may equal an earlier one of the same length; then reading it twice is
  /// cheaper than compressing it.
  func store(_ file: OpenFile, size: Int64) throws(SquashError) -> StoredContent {
    let content = StoredContent()
    content.size = size
    report.contentBytes += size
    let blockSize = Int64(options.blockSize)
    guard size >= blockSize else {
      let unit = try pipeline.unit()
      try file.read(unit.input.start, Int(size), at: 0)
      try pipeline.addTail(UnsafeRawBufferPointer(start: unit.input.start, count: Int(size)), of: content)
      pipeline.giveBack(unit)
      return content
    }
    if noteSize(size), try pipeline.share(try digest(file, size), with: content) { return content }
    var offset: Int64 = 0
    while offset < size {
      let count = Int(min(blockSize, size - offset))
      let unit = try pipeline.unit()
      try fill(unit, from: file, count, at: offset)
      offset += Int64(count)
      try pipeline.submit(unit, count: count, of: content, isLast: offset == size)
    }
    return content
  }

  /// Fills a block; holes are not read.
  private func fill(_ unit: BlockUnit, from file: OpenFile, _ count: Int, at offset: Int64)
    throws(SquashError)
  {
    let data = try LeafWriter.system { () throws(SystemError) in try file.descriptor.nextData(from: offset) }
    if let data, data < offset + Int64(count) {
      try file.read(unit.input.start, count, at: offset)
    } else {
      // There is no data after the end of a file that became shorter, either.
      let end = try LeafWriter.system { () throws(SystemError) in try file.descriptor.byteCount() }
      guard end >= offset + Int64(count) else { throw OpenFile.becameShorter }
      unit.input.start.initializeMemory(as: UInt8.self, repeating: 0, count: count)
    }
  }

  private func digest(_ file: OpenFile, _ size: Int64) throws(SquashError) -> ContentDigest {
    let unit = try pipeline.unit()
    defer { pipeline.giveBack(unit) }
    var digests: [UInt8] = []
    var offset: Int64 = 0
    while offset < size {
      let count = Int(min(Int64(options.blockSize), size - offset))
      try fill(unit, from: file, count, at: offset)
      try ContentDigest(UnsafeRawBufferPointer(start: unit.input.start, count: count)).append(to: &digests)
      offset += Int64(count)
    }
    return try BlockPipeline.digest(ofBlocks: digests, size: size)
  }
}
