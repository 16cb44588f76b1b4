extension LayerTree {
  /// Ends the adding of layers: puts what lies under symbolic links where those lead, and removes what only stood for
  /// something hidden.
  ///
  /// - Parameter target: a path that hard links still wait for.
  mutating func settle(waiting target: [UInt8]?) throws(SquashError) {
    if let target {
      throw SquashError(.notFound, "a hard link to a file that no layer has", path: target)
    }
    var left = redirections[...]
    while let redirection = left.popFirst() {
      do throws(SquashError) { left += try merge(redirection) } catch {
        throw error.at(path: redirection.directory.name)
      }
    }
    var order: [WriteNode] = []
    var stack = [root]
    while let directory = stack.popLast() {
      order.append(directory)
      for child in directory.children where child.type == .directory { stack.append(child) }
    }
    for directory in order.reversed() {
      directory.removeChildren { child in
        if case .absent = child.content { return true }
        return child.type == .directory && child.marks.made < 0 && child.children.isEmpty
      }
    }
    Self.countLinks(order)
  }

  /// Sets how many names each file has, and lets each further name refer to the file itself.
  private static func countLinks(_ directories: [WriteNode]) {
    for directory in directories {
      for child in directory.children where child.type != .directory {
        var chain: [WriteNode] = []
        var node = child
        while case .link(let next) = node.content {
          chain.append(node)
          node = next
        }
        for link in chain { link.content = .link(to: node) }
        node.linkCount = 0
      }
    }
    for directory in directories {
      for child in directory.children where child.type != .directory { child.original.linkCount += 1 }
    }
  }

  /// Puts the content of a directory where a symbolic link leads. Returns further directories to be merged.
  private func merge(_ redirection: Redirection) throws(SquashError) -> [Redirection] {
    let place = try follow(redirection.target, from: redirection.parents)
    var found: [Redirection] = []
    var pairs = [(source: redirection.directory, target: place)]
    while let (source, stack) = pairs.popLast() {
      guard let target = stack.last, target !== source else { continue }
      guard stack.count <= TreeWalker.deepest else {
        throw SquashError(.tooDeep, "directories nested deeper than \(TreeWalker.deepest)")
      }
      if source.marks.opaque >= 0 {
        target.removeChildren { !Self.prune($0, through: source.marks.opaque - 1) }
      }
      for child in source.children {
        guard let old = target.child(child.name) else {
          target.add(child)
          continue
        }
        if child.type == .directory, old.type == .directory {
          if child.marks.hidden >= 0 { _ = Self.prune(old, through: child.marks.hidden - 1) }
          if child.marks.described > old.marks.described {
            old.marks.described = child.marks.described
            old.attributes = child.attributes
          }
          old.marks.made = max(old.marks.made, child.marks.made)
          pairs.append((child, stack + [old]))
        } else if case .symlink(let path) = old.content, child.type == .directory, child.marks.described < 0,
          old.marks.made < child.marks.made
        {
          found.append(Redirection(directory: child, parents: stack, target: path))
        } else if !Self.keeps(old, over: child) {
          target.replace(old, by: child)
        }
      }
    }
    return found
  }

  /// Whether what is in a place stays there, and is not replaced by what comes through a symbolic link: the higher layer
  /// decides. They are not both directories.
  private static func keeps(_ old: WriteNode, over new: WriteNode) -> Bool {
    let decides: Int32
    if case .absent = new.content { decides = new.marks.hidden - 1 } else { decides = new.marks.made }
    if old.type == .directory { return prune(old, through: decides) }
    if case .absent = old.content { return old.marks.hidden > decides }
    return old.marks.made > decides
  }

  /// The directories from the root to where a symbolic link leads. Those that are missing are made.
  private func follow(_ target: [UInt8], from parents: [WriteNode]) throws(SquashError) -> [WriteNode] {
    var stack = target.first == 0x2F ? [root] : parents
    var rest = Array(try Self.steps(target).reversed())
    var links = 0
    while let name = rest.popLast() {
      if name == [0x2E, 0x2E] {
        if stack.count > 1 { stack.removeLast() }
        continue
      }
      guard stack.count <= TreeWalker.deepest else {
        throw SquashError(.tooDeep, "directories nested deeper than \(TreeWalker.deepest)")
      }
      let top = stack[stack.count - 1]
      let child = top.child(name)
      switch child?.content {
      case .symlink(let next):
        links += 1
        guard links <= 40 else {
          throw SquashError(.symlinkLoop, "it is a symbolic link that leads to itself")
        }
        if next.first == 0x2F { stack = [root] }
        rest += try Self.steps(next).reversed()
      case nil, .absent: stack.append(top.add(unknownDirectory(name)))
      case .directory:
        if let child { stack.append(child) }
      default:
        throw SquashError(
          .notDirectory, "it is a symbolic link to something that is not a directory, and has files in it")
      }
    }
    for directory in stack { directory.marks.made = max(directory.marks.made, 0) }
    return stack
  }
}
