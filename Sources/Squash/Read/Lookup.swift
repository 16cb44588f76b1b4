extension SquashReader {
  /// The most links that are followed in one path, as in Linux.
  private static let mostLinks = 40

  /// Finds a path, with or without a leading slash; `.` and `..` have their usual meaning, and `..` at the
  /// root stays there. Links inside the path are followed within the image.
  ///
  /// - Parameter followLast: whether to follow a link at the end too, even without a slash after it.
  /// - Returns: the entry, whose path is free of links, `.` and `..`.
  public func lookup(_ path: [UInt8], followLast: Bool = false) throws(SquashError) -> Entry {
    let root = Entry(name: [], path: [], inode: try root())
    var chain = [root]
    var rest = path.split(separator: 0x2F).reversed().map(Array.init)
    // As usual, a slash at the end asks for the directory that a link leads to.
    let followLast = followLast || path.last == 0x2F
    var links = 0
    while let name = rest.popLast() {
      if name == [0x2E] { continue }
      if name == [0x2E, 0x2E] {
        if chain.count > 1 { chain.removeLast() }
        continue
      }
      let current = chain[chain.count - 1]
      guard case .directory(let layout) = current.inode.content else {
        throw SquashError(.notDirectory, "not a directory", path: current.path)
      }
      let entryPath = current.path.isEmpty ? name : current.path + [0x2F] + name
      guard let inode = try find(name, in: layout) else {
        throw SquashError(.notFound, "no such file or directory", path: entryPath)
      }
      if case .symlink(let target) = inode.content, followLast || !rest.isEmpty {
        links += 1
        guard links <= Self.mostLinks else {
          throw SquashError(.symlinkLoop, "too many symbolic links", path: entryPath)
        }
        if target.first == 0x2F { chain = [root] }
        rest.append(contentsOf: target.split(separator: 0x2F).reversed().map(Array.init))
        continue
      }
      guard chain.count <= TreeWalker.deepest else {
        throw SquashError(.tooDeep, "directories nested deeper than \(TreeWalker.deepest)")
      }
      chain.append(Entry(name: name, path: entryPath, inode: inode))
    }
    let found = chain[chain.count - 1]
    if path.last == 0x2F, found.inode.type != .directory {
      throw SquashError(.notDirectory, "not a directory", path: found.path)
    }
    return found
  }

  private func find(_ name: [UInt8], in layout: DirectoryLayout) throws(SquashError) -> Inode? {
    var cursor = DirectoryCursor(layout)
    var fault: SquashError?
    while let entry = try cursor.next(metadata, fault: &fault) {
      guard fault == nil, cursor.name == name else { continue }
      let inode = try inode(entry.reference)
      guard inode.number == entry.number, inode.type == entry.type else {
        throw SquashError(.corrupt, "the directory entry and its inode disagree", path: name)
      }
      return inode
    }
    return nil
  }
}
