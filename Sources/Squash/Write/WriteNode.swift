/// The place of a written file's content.
final class StoredContent: @unchecked Sendable {
  var size: Int64 = 0
  var start: Int64 = 0
  var words: [UInt32] = []
  var sparseBytes: Int64 = 0
  var fragment: UInt32?
  var fragmentOffset: UInt32 = 0
}

/// A name in the tree that is being written. Further names of a file refer to the first one.
final class WriteNode {
  enum Content {
    case directory
    case regular(StoredContent)
    case symlink([UInt8])
    case device(DeviceNumber)
    case other
    case link(to: WriteNode)
  }

  let name: [UInt8]
  var type: FileType
  var attributes: FileAttributes
  var content: Content
  var children: [WriteNode] = []
  /// For archives, whose entries come in any order: the children by name.
  var index: [[UInt8]: Int] = [:]
  var linkCount: UInt32 = 1
  var number: UInt32 = 0
  var reference: UInt64?

  init(name: [UInt8], type: FileType, attributes: FileAttributes, content: Content) {
    self.name = name
    self.type = type
    self.attributes = attributes
    self.content = content
  }

  /// The node that has the inode.
  var original: WriteNode {
    var node = self
    while case .link(let target) = node.content { node = target }
    return node
  }

  /// Adds a child, or replaces the one with that name; a directory that stays a directory keeps its contents.
  @discardableResult
  func add(_ child: WriteNode) -> WriteNode {
    if let place = index[child.name] {
      let old = children[place]
      if old.type == .directory, child.type == .directory {
        old.attributes = child.attributes
        return old
      }
      children[place] = child
      return child
    }
    index[child.name] = children.count
    children.append(child)
    return child
  }

  func child(_ name: [UInt8]) -> WriteNode? { index[name].map { children[$0] } }
}
