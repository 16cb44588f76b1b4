import Bytes
import CSquashfs

/// Writes inodes and directory listings.
///
/// A directory's listing refers to the inodes in it, and its inode to the listing. So directories are written
/// bottom up: first everything beneath, then the inodes of all entries together, then the listing. Inodes are
/// numbered in the order of writing, so the root has the highest number.
final class TreeEncoder {
  private let tables: MetadataTables
  private let options: WriterOptions
  private var directories: [ObjectIdentifier: UnsafeMutablePointer<sqfs_inode_generic_t>] = [:]
  private(set) var droppedAttributes = 0

  init(_ tables: MetadataTables, _ options: WriterOptions) {
    self.tables = tables
    self.options = options
  }

  deinit {
    for inode in directories.values { sqfs_free(inode) }
  }

  /// Writes the tree; returns the root's number and reference.
  func write(_ root: WriteNode) throws(SquashError) -> (number: UInt32, reference: UInt64) {
    let order = Self.bottomUp(root)
    var count: UInt32 = 0
    for (directory, _) in order {
      for child in directory.children where child.original.number == 0 {
        guard count < UInt32.max - 2 else { throw SquashError(.unsupported, "too many files") }
        count += 1
        child.original.number = count
      }
    }
    root.number = count + 1
    for (directory, parent) in order {
      for child in directory.children {
        let node = child.original
        if node.reference == nil { node.reference = try writeInode(node) }
      }
      try tables.beginDirectory()
      for child in directory.children {
        let node = child.original
        try tables.addEntry(
          child.name, number: node.number, reference: node.reference ?? 0, mode: Self.mode(node.type))
      }
      try endDirectory(directory, parent: parent?.number ?? count + 2)
    }
    return (root.number, try writeInode(root))
  }

  /// All directories with their parents, each after the directories in it, with children sorted by the bytes
  /// of their names.
  private static func bottomUp(_ root: WriteNode) -> [(WriteNode, WriteNode?)] {
    var stack: [(node: WriteNode, parent: WriteNode?, isOpen: Bool)] = [(root, nil, false)]
    var order: [(WriteNode, WriteNode?)] = []
    while let top = stack.popLast() {
      if top.isOpen {
        order.append((top.node, top.parent))
        continue
      }
      top.node.index = [:]
      top.node.children.sort { $0.name.lexicographicallyPrecedes($1.name) }
      stack.append((top.node, top.parent, true))
      for child in top.node.children.reversed() where child.type == .directory {
        stack.append((child, top.node, false))
      }
    }
    return order
  }

  private static func mode(_ type: FileType) -> UInt32 {
    Inode(
      type: type, permissions: 0, userID: 0, groupID: 0, modificationTime: 0, number: 0, linkCount: 0,
      xattrIndex: nil, content: .none
    ).mode
  }

  private func time(_ seconds: Int64) -> UInt32 {
    UInt32(clamping: min(seconds, options.latestTime.map(Int64.init) ?? .max))
  }

  private func xattr(_ node: WriteNode) throws(SquashError) -> UInt32 {
    guard options.keepsAttributes else { return Inode.none }
    let kept = node.attributes.attributes.filter { attribute in
      ["user.", "trusted.", "security."].contains { attribute.name.starts(with: $0.utf8) }
        && !attribute.name.contains(0)
    }
    droppedAttributes += node.attributes.attributes.count - kept.count
    do throws(SquashError) { return try tables.index(of: kept) } catch { throw error.at(path: node.name) }
  }

  private func endDirectory(_ node: WriteNode, parent: UInt32) throws(SquashError) {
    let subdirectories = node.children.count { $0.type == .directory }
    let inode = try tables.endDirectory(links: 2 + subdirectories, xattr: try xattr(node), parent: parent)
    directories[ObjectIdentifier(node)] = inode
    let attributes = node.attributes
    inode.pointee.base.mode = attributes.permissions
    inode.pointee.base.uid_idx = try tables.index(ofID: options.allRoot ? 0 : attributes.userID)
    inode.pointee.base.gid_idx = try tables.index(ofID: options.allRoot ? 0 : attributes.groupID)
    inode.pointee.base.mod_time = time(attributes.modificationTime)
    inode.pointee.base.inode_number = node.number
    squashfs_directory_set_link_count(inode, UInt32(2 + subdirectories))
  }

  private func writeInode(_ node: WriteNode) throws(SquashError) -> UInt64 {
    if node.type == .directory {
      guard let inode = directories.removeValue(forKey: ObjectIdentifier(node)) else {
        throw SquashError(.library, "a directory without a listing")
      }
      return try tables.append(directory: inode)
    }
    let xattr = try xattr(node)
    let hasXattr = xattr != Inode.none
    var bytes: [UInt8] = []
    func head(isExtended: Bool) throws(SquashError) {
      let attributes = node.attributes
      bytes.append(littleEndian: node.type.rawValue + (isExtended ? 7 : 0))
      bytes.append(littleEndian: attributes.permissions)
      bytes.append(littleEndian: try tables.index(ofID: options.allRoot ? 0 : attributes.userID))
      bytes.append(littleEndian: try tables.index(ofID: options.allRoot ? 0 : attributes.groupID))
      bytes.append(littleEndian: time(attributes.modificationTime))
      bytes.append(littleEndian: node.number)
    }
    switch node.content {
    case .regular(let content):
      let needsWide =
        content.size > Int64(UInt32.max) || content.start > Int64(UInt32.max) || content.sparseBytes > 0
      let isExtended = needsWide || hasXattr || node.linkCount > 1
      try head(isExtended: isExtended)
      let fragment = content.fragment ?? Inode.none
      if isExtended {
        bytes.append(littleEndian: UInt64(content.start))
        bytes.append(littleEndian: UInt64(content.size))
        bytes.append(littleEndian: UInt64(content.sparseBytes))
        bytes.append(littleEndian: node.linkCount)
        bytes.append(littleEndian: fragment)
        bytes.append(littleEndian: content.fragmentOffset)
        bytes.append(littleEndian: xattr)
      } else {
        bytes.append(littleEndian: UInt32(content.start))
        bytes.append(littleEndian: fragment)
        bytes.append(littleEndian: content.fragmentOffset)
        bytes.append(littleEndian: UInt32(content.size))
      }
      for word in content.words { bytes.append(littleEndian: word) }
    case .symlink(let target):
      try head(isExtended: hasXattr)
      bytes.append(littleEndian: node.linkCount)
      bytes.append(littleEndian: UInt32(target.count))
      bytes.append(contentsOf: target)
      if hasXattr { bytes.append(littleEndian: xattr) }
    case .device(let device):
      guard let packed = device.packed else {
        throw SquashError(
          .unsupported,
          "device \(device.major):\(device.minor) does not fit into 12 bits of major and 20 of minor",
          path: node.name)
      }
      try head(isExtended: hasXattr)
      bytes.append(littleEndian: node.linkCount)
      bytes.append(littleEndian: packed)
      if hasXattr { bytes.append(littleEndian: xattr) }
    case .other, .directory, .link, .absent, .pendingLink:
      try head(isExtended: hasXattr)
      bytes.append(littleEndian: node.linkCount)
      if hasXattr { bytes.append(littleEndian: xattr) }
    }
    return try tables.append(inode: bytes)
  }
}
