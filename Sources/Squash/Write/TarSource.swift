import Bytes

extension SquashWriter {
  /// The most bytes of an archive's holes: a few bytes can stand for any number of them, and each is looked at.
  private static let mostHoles: Int64 = 1 << 40

  /// Adds everything in an archive: plain, or compressed with gzip or zstd, as its first bytes tell.
  ///
  /// A later entry with the same name replaces the earlier one. Directories that the archive does not mention
  /// are made. Names must not lead upwards.
  public func add(archive source: any ArchiveSource) throws(SquashError) {
    let input = try TarInput(source)
    let parser = TarParser(input)
    var holes: Int64 = 0
    while let entry = try parser.next() {
      do throws(SquashError) {
        let (sum, overflow) = holes.addingReportingOverflow(max(entry.size - entry.storedSize, 0))
        guard !overflow, sum <= Self.mostHoles else {
          throw SquashError(
            .limitExceeded,
            "the holes of the archive's sparse files have more than \(Self.mostHoles >> 40) TiB")
        }
        holes = sum
        try add(entry, input)
      } catch { throw error.at(path: entry.name) }
    }
    try input.finish()
  }

  func add(_ entry: TarEntry, _ input: TarInput) throws(SquashError) {
    let path = try Self.components(of: entry.name)
    if entry.isLink {
      try addLink(path, to: try Self.components(of: entry.target))
      return
    }
    guard let type = entry.fileType else { return try leaveOut(entry, input) }
    let content = try content(of: entry, type, input)
    step()
    try place(path, type, attributes(of: entry, type), content)
  }

  /// Leaves out an entry of a type that no file system has.
  func leaveOut(_ entry: TarEntry, _ input: TarInput) throws(SquashError) {
    report.skipped.append("\(entry.name.escapedName): an entry of type \(entry.kind)")
    try input.skip(entry)
  }

  /// The attributes of an entry, as they are written.
  func attributes(of entry: TarEntry, _ type: FileType) -> FileAttributes {
    var attributes = entry.attributes
    if !options.keepsAttributes { attributes.attributes = [] }
    if type == .symlink { attributes.permissions = 0o777 }
    return attributes
  }

  /// The content of an entry other than a hard link. That of a regular file is read from the archive, and stored.
  func content(
    of entry: TarEntry, _ type: FileType, _ input: TarInput
  ) throws(SquashError) -> WriteNode.Content {
    switch type {
    case .regular:
      let content = try store(entry, input)
      try input.skipPadding(entry)
      return .regular(content)
    case .symlink:
      guard !entry.target.isEmpty, entry.target.count <= Inode.longestTarget else {
        throw SquashError(.unsupported, "a symbolic link with a target of \(entry.target.count) bytes")
      }
      return .symlink(entry.target)
    case .characterDevice, .blockDevice: return .device(entry.device)
    case .directory: return .directory
    default: return .other
    }
  }

  /// The components of a name, without empty ones and `.`.
  static func components(of name: [UInt8]) throws(SquashError) -> [[UInt8]] {
    let components = name.split(separator: 0x2F).map(Array.init).filter { $0 != [0x2E] }
    for component in components {
      if let reason = DirectoryCursor.refusal(component) { throw SquashError(.hostileName, reason) }
    }
    guard components.count <= TreeWalker.deepest else {
      throw SquashError(.tooDeep, "directories nested deeper than \(TreeWalker.deepest)")
    }
    return components
  }

  /// The directory of a path, made if it is missing.
  func parent(of path: [[UInt8]]) throws(SquashError) -> WriteNode {
    var node = root
    for component in path.dropLast() {
      if let child = node.child(component) {
        guard child.type == .directory else {
          throw SquashError(.notDirectory, "something above it is not a directory")
        }
        node = child
      } else {
        let time = options.latestTime.map(Int64.init) ?? 0
        node = node.add(
          WriteNode(
            name: component, type: .directory,
            attributes: FileAttributes(permissions: 0o755, modificationTime: time), content: .directory))
      }
    }
    return node
  }

  func place(
    _ path: [[UInt8]], _ type: FileType, _ attributes: FileAttributes, _ content: WriteNode.Content
  ) throws(SquashError) {
    guard let name = path.last else {
      guard type == .directory else { throw SquashError(.hostileName, "an empty name") }
      root.attributes = attributes
      return
    }
    let parent = try parent(of: path)
    if let old = parent.child(name), old.type != .directory || type != .directory {
      // The replaced file has one name less.
      if old.type != .directory { old.original.linkCount -= 1 }
    }
    parent.add(WriteNode(name: name, type: type, attributes: attributes, content: content))
  }

  private func addLink(_ path: [[UInt8]], to target: [[UInt8]]) throws(SquashError) {
    var node: WriteNode? = root
    for component in target { node = node?.child(component) }
    guard let node, node.type != .directory else {
      throw SquashError(.notFound, "a hard link to a file that the archive does not contain")
    }
    let original = node.original
    if path == target { return }
    try place(path, original.type, original.attributes, .link(to: original))
    original.linkCount += 1
  }

  /// Stores the content of a regular file, which follows in the archive.
  func store(_ entry: TarEntry, _ input: TarInput) throws(SquashError) -> StoredContent {
    guard let extents = entry.extents else {
      return try store(size: entry.size) { (target, count) throws(SquashError) in
        try input.readExactly(target, count)
      }
    }
    var offset: Int64 = 0
    var index = 0
    return try store(size: entry.size) { (target, count) throws(SquashError) in
      target.initializeMemory(as: UInt8.self, repeating: 0, count: count)
      let end = offset + Int64(count)
      while index < extents.count, extents[index].start < end {
        let extent = extents[index]
        let from = max(extent.start, offset)
        let to = min(extent.start + extent.count, end)
        if to > from { try input.readExactly(target + Int(from - offset), Int(to - from)) }
        if extent.start + extent.count > end { break }
        index += 1
      }
      offset = end
    }
  }

  /// Stores content that is read from front to back.
  private func store(
    size: Int64, _ read: (UnsafeMutableRawPointer, Int) throws(SquashError) -> Void
  ) throws(SquashError) -> StoredContent {
    let content = StoredContent()
    content.size = size
    report.contentBytes += size
    let blockSize = Int64(options.blockSize)
    _ = noteSize(size)
    if size < blockSize {
      let unit = try pipeline.unit()
      try read(unit.input.start, Int(size))
      try pipeline.addTail(UnsafeRawBufferPointer(start: unit.input.start, count: Int(size)), of: content)
      pipeline.giveBack(unit)
      return content
    }
    var offset: Int64 = 0
    while offset < size {
      let count = Int(min(blockSize, size - offset))
      let unit = try pipeline.unit()
      try read(unit.input.start, count)
      offset += Int64(count)
      try pipeline.submit(unit, count: count, of: content, isLast: offset == size)
    }
    return content
  }

  /// Adds a file with these bytes; replaces anything that already has the path.
  public func add(file path: [UInt8], _ bytes: [UInt8], _ attributes: FileAttributes) throws(SquashError) {
    var offset = 0
    let content = try store(size: Int64(bytes.count)) { (target, count) throws(SquashError) in
      bytes.withUnsafeBytes {
        target.copyMemory(
          from: $0.baseAddress.map { $0 + offset } ?? UnsafeRawPointer(target), byteCount: count)
      }
      offset += count
    }
    try place(path, .regular, attributes, .regular(content))
  }

  /// Adds a file whose bytes are made while it is added; replaces anything that already has the path.
  ///
  /// - Parameters:
  ///   - byteCount: the number of bytes.
  ///   - fill: called for the bytes from front to back; fills the buffer each time.
  public func add(
    file path: [UInt8], byteCount: Int64, _ attributes: FileAttributes,
    filling fill: (UnsafeMutableRawBufferPointer) throws(SquashError) -> Void
  ) throws(SquashError) {
    let content = try store(size: byteCount) { (target, count) throws(SquashError) in
      try fill(UnsafeMutableRawBufferPointer(start: target, count: count))
    }
    try place(path, .regular, attributes, .regular(content))
  }

  /// Adds a directory, or sets the attributes of an existing one.
  public func add(directory path: [UInt8], _ attributes: FileAttributes) throws(SquashError) {
    try place(path, .directory, attributes, .directory)
  }

  /// Adds a symbolic link; replaces anything that already has the path.
  public func add(
    symlink path: [UInt8], target: [UInt8], _ attributes: FileAttributes
  ) throws(SquashError) {
    try place(path, .symlink, attributes, .symlink(target))
  }

  private func place(
    _ path: [UInt8], _ type: FileType, _ attributes: FileAttributes, _ content: WriteNode.Content
  ) throws(SquashError) {
    do throws(SquashError) { try place(try Self.components(of: path), type, attributes, content) } catch {
      throw error.at(path: path)
    }
  }

  /// Whether something already has the path.
  public func has(_ path: [UInt8]) throws(SquashError) -> Bool {
    var node: WriteNode? = root
    for component in try Self.components(of: path) { node = node?.child(component) }
    return node != nil
  }
}
