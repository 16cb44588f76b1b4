/// The tree of an image that layers make, seen from above: the highest layer is added first, and whatever a higher layer has
/// or removes is closed to the lower ones (spec/oci.md "Layers").
///
/// Each node carries the numbers of the layers that concern it (``WriteNode/LayerMarks``), so that an entry of a lower layer
/// finds out whether it still has a place.
struct LayerTree {
  /// A directory that higher layers only have as a parent of something, and that is a symbolic link in a lower layer: what is
  /// in it belongs where the link leads.
  struct Redirection {
    let directory: WriteNode
    /// The directories above, from the root.
    let parents: [WriteNode]
    let target: [UInt8]
  }

  private static let mostLinks = 40

  let root: WriteNode
  /// The number of the layer whose entries are being added.
  var layer: Int32 = 0
  /// The time of directories that no layer describes.
  let time: Int64
  private(set) var redirections: [Redirection] = []

  init(_ root: WriteNode, time: Int64) {
    self.root = root
    self.time = time
    root.marks.made = 0
  }

  /// The components of a name, as from the root, with `..` resolved.
  ///
  /// - Throws: ``SquashError/Code/hostileName`` for a name that leads out of the root.
  static func components(of name: [UInt8]) throws(SquashError) -> [[UInt8]] {
    var components: [[UInt8]] = []
    for component in name.split(separator: 0x2F) where !component.elementsEqual([0x2E]) {
      if component.elementsEqual([0x2E, 0x2E]) {
        guard components.popLast() != nil else {
          throw SquashError(.hostileName, "a name that leads out of the root directory")
        }
        continue
      }
      if let reason = DirectoryCursor.refusal(Array(component)) { throw SquashError(.hostileName, reason) }
      components.append(Array(component))
    }
    guard components.count <= TreeWalker.deepest else {
      throw SquashError(.tooDeep, "directories nested deeper than \(TreeWalker.deepest)")
    }
    return components
  }

  func unknownDirectory(_ name: [UInt8]) -> WriteNode {
    WriteNode(
      name: name, type: .directory, attributes: FileAttributes(permissions: 0o755, modificationTime: time),
      content: .directory)
  }

  /// The directories from the root down a path; nil if a higher layer has hidden one of them. Symbolic links of this layer
  /// are followed inside the root.
  ///
  /// - Parameter makes: whether an entry of this layer needs the directories, and not only a whiteout.
  func directories(_ path: ArraySlice<[UInt8]>, makes: Bool) throws(SquashError) -> [WriteNode]? {
    var stack = [root]
    var rest = Array(path.reversed())
    var links = 0
    while let name = rest.popLast() {
      if name == [0x2E, 0x2E] {
        if stack.count > 1 { stack.removeLast() }
        continue
      }
      let top = stack[stack.count - 1]
      guard top.marks.opaque <= layer else { return nil }
      var child = top.child(name)
      if let found = child, case .absent = found.content {
        guard found.marks.hidden <= layer else { return nil }
        child = top.add(unknownDirectory(name))
        child?.marks.hidden = found.marks.hidden
        child?.marks.opaque = found.marks.hidden
      }
      let next = child ?? top.add(unknownDirectory(name))
      if next.type == .directory {
        guard next.marks.hidden <= layer else { return nil }
        if makes {
          next.marks.made = max(next.marks.made, layer)
          next.marks.entered = layer
        }
        guard stack.count <= TreeWalker.deepest else {
          throw SquashError(.tooDeep, "directories nested deeper than \(TreeWalker.deepest)")
        }
        stack.append(next)
        continue
      }
      guard next.marks.made == layer else { return nil }
      guard case .symlink(let target) = next.content else {
        guard makes else { return nil }
        throw SquashError(.notDirectory, "something above it is not a directory")
      }
      links += 1
      guard links <= Self.mostLinks else {
        throw SquashError(.symlinkLoop, "symbolic links above it that lead to each other")
      }
      if target.first == 0x2F { stack = [root] }
      rest += try Self.steps(target).reversed()
    }
    return stack
  }

  /// The components of a symbolic link's target, with `..`.
  static func steps(_ target: [UInt8]) throws(SquashError) -> [[UInt8]] {
    let steps = target.split(separator: 0x2F).map(Array.init).filter { $0 != [0x2E] }
    for step in steps where step != [0x2E, 0x2E] {
      if let reason = DirectoryCursor.refusal(step) { throw SquashError(.hostileName, reason) }
    }
    return steps
  }

  /// The file of this layer at a path, other than a directory; nil if this layer has none there, or not any more.
  func file(_ path: [[UInt8]]) throws(SquashError) -> WriteNode? {
    guard let name = path.last, let directory = try directories(path.dropLast(), makes: false)?.last,
      let node = directory.child(name), node.marks.made == layer, node.type != .directory
    else { return nil }
    if case .absent = node.content { return nil }
    return node
  }

  /// Whether an entry of this layer has a place in a directory. What a lower layer's entry closes is closed here.
  mutating func hasPlace(_ name: [UInt8], in stack: [WriteNode], _ content: LayerContent) -> Bool {
    let parent = stack[stack.count - 1]
    guard parent.marks.opaque <= layer else { return false }
    guard let old = parent.child(name) else { return true }
    if case .absent = old.content { return old.marks.hidden <= layer }
    guard old.type == .directory else { return old.marks.made == layer }
    guard old.marks.hidden <= layer else { return false }
    if case .directory = content { return true }
    // A file takes the place of a directory of lower layers, or of this one, but not of a higher layer's.
    guard old.marks.made > layer else { return true }
    old.marks.hidden = layer
    old.marks.opaque = max(old.marks.opaque, layer)
    // What this layer had in the directory goes, too.
    if old.marks.entered == layer || old.marks.described == layer { _ = Self.prune(old, through: layer) }
    old.marks.entered = -1
    if old.marks.described <= layer {
      old.marks.described = -1
      old.attributes = unknownDirectory(name).attributes
      if case .symlink(let target) = content {
        redirections.append(Redirection(directory: old, parents: stack, target: target))
        return true
      }
    }
    return false
  }

  /// Puts a file, other than a directory, into a place that it has.
  func put(_ node: WriteNode, in parent: WriteNode) {
    node.marks.made = layer
    node.marks.described = layer
    if let old = parent.child(node.name), old.type == .directory {
      // Not merged: what was there has another type.
      parent.replace(old, by: node)
    } else {
      parent.add(node)
    }
  }

  /// Describes a directory that has a place.
  func putDirectory(_ name: [UInt8], in parent: WriteNode, _ attributes: FileAttributes) {
    let old = parent.child(name)
    if let old, old.type == .directory {
      describe(old, attributes)
      return
    }
    let node = unknownDirectory(name)
    if let old {
      // What this layer had there before has hidden the lower layers' directory.
      let hidden = if case .absent = old.content { old.marks.hidden } else { layer }
      node.marks.hidden = hidden
      node.marks.opaque = hidden
    }
    parent.add(node)
    describe(node, attributes)
  }

  /// Gives a directory this layer's attributes, unless a higher layer has given it others.
  func describe(_ directory: WriteNode, _ attributes: FileAttributes) {
    directory.marks.made = max(directory.marks.made, layer)
    guard directory.marks.described <= layer else { return }
    directory.marks.described = layer
    directory.attributes = attributes
  }

  /// Hides a name of lower layers.
  func whiteOut(_ name: [UInt8], in parent: WriteNode) {
    guard let old = parent.child(name) else {
      let node = WriteNode(
        name: name, type: .regular, attributes: FileAttributes(permissions: 0), content: .absent)
      node.marks.hidden = layer
      parent.add(node)
      return
    }
    guard old.type == .directory else { return }
    old.marks.hidden = max(old.marks.hidden, layer)
    old.marks.opaque = max(old.marks.opaque, layer)
  }

  /// Hides what lower layers have in a directory.
  func makeOpaque(_ directory: WriteNode) { directory.marks.opaque = max(directory.marks.opaque, layer) }

  /// Removes what layers up to this one have at a node and beneath. Returns whether anything of higher layers is left.
  static func prune(_ node: WriteNode, through layer: Int32) -> Bool {
    guard node.type == .directory else { return node.marks.made > layer || node.marks.hidden > layer }
    var stack: [(node: WriteNode, next: Int)] = [(node, 0)]
    while let (directory, next) = stack.last {
      guard next < directory.children.count else {
        stack.removeLast()
        directory.removeChildren { child in
          child.type == .directory
            ? child.marks.made <= layer && child.children.isEmpty
            : child.marks.made <= layer && child.marks.hidden <= layer
        }
        continue
      }
      stack[stack.count - 1].next += 1
      let child = directory.children[next]
      guard child.type == .directory else { continue }
      if child.marks.described <= layer {
        child.marks.described = -1
        child.attributes = FileAttributes(
          permissions: 0o755, modificationTime: child.attributes.modificationTime)
      }
      stack.append((child, 0))
    }
    return node.marks.made > layer || !node.children.isEmpty
  }
}

/// What an entry of a layer puts into the tree, as far as the place depends on it.
enum LayerContent {
  case directory
  case symlink([UInt8])
  case other
}

extension WriteNode {
  /// Puts a node in the place of one of the same name.
  func replace(_ old: WriteNode, by node: WriteNode) {
    if let place = index[old.name] { children[place] = node }
  }

  /// Removes the children that meet a condition.
  func removeChildren(where isRemoved: (WriteNode) -> Bool) {
    guard children.contains(where: isRemoved) else { return }
    children.removeAll(where: isRemoved)
    index = [:]
    for (place, child) in children.enumerated() { index[child.name] = place }
  }
}
