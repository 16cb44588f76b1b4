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
    /// Nothing: while layers are added, the place of a name that they hide. It never reaches the encoder.
    case absent
    /// A further name of a file that a lower layer, or the rest of this one, still has to bring.
    case pendingLink
  }

  /// The layers that concern a name, counted from the lowest, 0; -1 for none.
  struct LayerMarks {
    /// The highest layer that has the name, be it only as a directory above others.
    var made: Int32 = -1
    /// The highest layer that states the directory's attributes.
    var described: Int32 = -1
    /// Layers below this one have no part in the name, nor in what is beneath it.
    var hidden: Int32 = -1
    /// Layers below this one have no part in what is in the directory.
    var opaque: Int32 = -1
    /// The lowest layer so far that has something in the directory.
    var entered: Int32 = -1
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
  var marks = LayerMarks()

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
