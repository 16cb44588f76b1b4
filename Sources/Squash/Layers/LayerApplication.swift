/// What the layers of one image may hold in all.
public struct LayerLimits: Sendable {
  /// The most entries of all archives.
  public var entries = 10_000_000
  /// The most bytes of content in all archives, decompressed and with the holes of sparse files.
  public var bytes: Int64 = 512 << 30

  /// Ten million entries, and 512 GiB.
  public init() {}
}

extension SquashWriter {
  /// Adds the file system that layers make, each a tar archive over the ones before it (spec/oci.md "Layers").
  ///
  /// The highest layer is read first, so that nothing is stored that a higher layer replaces or removes. Each layer is read
  /// once, from front to back; a second time only where a hard link needs a file of its own layer that was skipped because
  /// a higher layer hides it.
  ///
  /// - Parameters:
  ///   - count: the number of layers.
  ///   - spelling: how the layers say that something is gone.
  ///   - open: opens a layer by its number, 0 for the lowest; the archive is decompressed already.
  public func add(
    layers count: Int, limits: LayerLimits = LayerLimits(), spelling: LayerSpelling = .names,
    _ open: (Int) throws(SquashError) -> any ArchiveSource
  ) throws(SquashError) {
    let application = LayerApplication(self, limits, spelling)
    for layer in (0..<count).reversed() {
      try application.add(layer: layer, try open(layer))
      if application.needsAgain { try application.addAgain(try open(layer)) }
    }
    try application.tree.settle(waiting: application.waiting.keys.first)
  }
}

/// Adds the entries of layers to a tree, and their content to a squashfs.
final class LayerApplication {
  private enum Skipped {
    case file
    case link([UInt8])
  }

  /// A label of the machine that made the layer; another machine has others.
  private static let hostLabel = Array("security.selinux".utf8)

  private let writer: SquashWriter
  private let spelling: LayerSpelling
  private var limits: LayerLimits
  var tree: LayerTree
  /// Hard links whose target was not seen yet, by the path of the target.
  private(set) var waiting: [[UInt8]: [WriteNode]] = [:]
  /// The targets that this layer's links wait for.
  private var newTargets: Set<[UInt8]> = []
  /// Files of this layer that links wait for, whether they have a place or not.
  private var candidates: [[UInt8]: WriteNode] = [:]
  /// Files of this layer that have no place, and were not stored.
  private var skipped: [[UInt8]: Skipped] = [:]
  /// The skipped files that links turned out to need, with the paths that those wait for.
  private var missed: [[UInt8]: [[UInt8]]] = [:]

  /// Whether the layer has to be read once more.
  var needsAgain: Bool { !missed.isEmpty }

  init(_ writer: SquashWriter, _ limits: LayerLimits, _ spelling: LayerSpelling) {
    self.writer = writer
    self.spelling = spelling
    self.limits = limits
    tree = LayerTree(writer.root, time: writer.options.latestTime.map(Int64.init) ?? 0)
  }

  /// Adds a layer, which lies under all that were added before.
  func add(layer: Int, _ source: any ArchiveSource) throws(SquashError) {
    tree.layer = Int32(layer)
    skipped = [:]
    newTargets = []
    try read(source) { (entry, path, input) throws(SquashError) in try add(entry, path, input) }
    try resolve()
    for target in newTargets where waiting[target] != nil { try noteMissed(target) }
    skipped = [:]
  }

  /// Reads the layer again for the files that were skipped.
  func addAgain(_ source: any ArchiveSource) throws(SquashError) {
    try read(source) { (entry, path, input) throws(SquashError) in
      let key = Self.key(path)
      guard let targets = missed[key], let type = entry.fileType, type != .directory else {
        return try input.skip(entry)
      }
      let node = try makeNode(entry, path.last ?? [], type, input)
      for target in targets { candidates[target] = node }
    }
    missed = [:]
    try resolve()
  }

  private func read(
    _ source: any ArchiveSource,
    _ body: (TarEntry, [[UInt8]], TarInput) throws(SquashError) -> Void
  ) throws(SquashError) {
    let input = TarInput(layer: source)
    let parser = TarParser(input)
    while let entry = try parser.next() {
      do throws(SquashError) {
        limits.entries -= 1
        let (left, overflow) = limits.bytes.subtractingReportingOverflow(max(entry.size, entry.storedSize))
        limits.bytes = left
        guard limits.entries >= 0, left >= 0, !overflow else {
          throw SquashError(.limitExceeded, "the layers hold more entries, or more content, than is accepted")
        }
        try body(entry, try LayerTree.components(of: entry.name), input)
      } catch { throw error.at(path: entry.name) }
    }
    try input.drain()
  }

  private static func key(_ path: [[UInt8]]) -> [UInt8] { Array(path.joined(separator: [0x2F])) }

  private func add(_ entry: TarEntry, _ path: [[UInt8]], _ input: TarInput) throws(SquashError) {
    guard let name = path.last else {
      guard entry.fileType == .directory else { throw SquashError(.hostileName, "an empty name") }
      tree.describe(tree.root, attributes(of: entry, .directory))
      return
    }
    switch spelling {
    case .names:
      if path.contains(where: { $0.starts(with: LayerSpelling.whiteout) }) {
        try addWhiteout(path)
        return try input.skip(entry)
      }
    case .overlay:
      if entry.isOverlayWhiteout {
        if let parent = try tree.directories(path.dropLast(), makes: false)?.last {
          tree.whiteOut(name, in: parent)
        }
        return
      }
    }
    if entry.isLink { return try addLink(entry, path) }
    guard let type = entry.fileType else { return try writer.leaveOut(entry, input) }
    let stack = try tree.directories(path.dropLast(), makes: true)
    let content: LayerContent =
      switch type {
      case .directory: .directory
      case .symlink: .symlink(entry.target)
      default: .other
      }
    let hasPlace = stack.map { tree.hasPlace(name, in: $0, content) } ?? false
    if type == .directory {
      if hasPlace, let parent = stack?.last {
        writer.step()
        tree.putDirectory(name, in: parent, attributes(of: entry, type))
        if spelling == .overlay, entry.isOpaque, let directory = parent.child(name) {
          tree.makeOpaque(directory)
        }
      }
      return try input.skip(entry)
    }
    let key = Self.key(path)
    let isAwaited = waiting[key] != nil
    guard hasPlace || isAwaited else {
      skipped[key] = .file
      return try input.skip(entry)
    }
    let node = try makeNode(entry, name, type, input)
    if hasPlace, let parent = stack?.last { tree.put(node, in: parent) }
    if isAwaited { candidates[key] = node }
  }

  private func makeNode(
    _ entry: TarEntry, _ name: [UInt8], _ type: FileType, _ input: TarInput
  ) throws(SquashError) -> WriteNode {
    let content = try writer.content(of: entry, type, input)
    writer.step()
    return WriteNode(name: name, type: type, attributes: attributes(of: entry, type), content: content)
  }

  private func attributes(of entry: TarEntry, _ type: FileType) -> FileAttributes {
    var attributes = writer.attributes(of: entry, type)
    attributes.attributes.removeAll { $0.name == Self.hostLabel }
    if spelling == .overlay {
      attributes.attributes.removeAll { $0.name.starts(with: LayerSpelling.attributePrefix) }
    }
    return attributes
  }

  /// Hides what lower layers have. Whiteouts of what is not there change nothing.
  private func addWhiteout(_ path: [[UInt8]]) throws(SquashError) {
    guard let name = path.last, !path.dropLast().contains(where: { $0.starts(with: LayerSpelling.whiteout) })
    else {
      return
    }
    let isOpaque = name == LayerSpelling.opaque
    // Other names of aufs are about its own matters.
    guard isOpaque || !name.starts(with: LayerSpelling.aufs) else { return }
    let hidden = Array(name.dropFirst(LayerSpelling.whiteout.count))
    if !isOpaque, let reason = DirectoryCursor.refusal(hidden) {
      throw SquashError(.hostileName, "a whiteout of \(reason)")
    }
    guard let parent = try tree.directories(path.dropLast(), makes: false)?.last else { return }
    if isOpaque { tree.makeOpaque(parent) } else { tree.whiteOut(hidden, in: parent) }
  }

  private func addLink(_ entry: TarEntry, _ path: [[UInt8]]) throws(SquashError) {
    let target = try LayerTree.components(of: entry.target)
    guard let name = path.last, !target.isEmpty else {
      throw SquashError(.notFound, "a hard link to the root directory")
    }
    if path == target { return }
    let stack = try tree.directories(path.dropLast(), makes: true)
    let hasPlace = stack.map { tree.hasPlace(name, in: $0, .other) } ?? false
    let (key, targetKey) = (Self.key(path), Self.key(target))
    let isAwaited = waiting[key] != nil
    guard hasPlace || isAwaited else {
      skipped[key] = .link(targetKey)
      return
    }
    let node = WriteNode(
      name: name, type: .regular, attributes: FileAttributes(permissions: 0), content: .pendingLink)
    if let found = try tree.file(target) ?? candidates[targetKey] {
      node.content = .link(to: found.original)
    } else {
      waiting[targetKey, default: []].append(node)
      newTargets.insert(targetKey)
    }
    if hasPlace, let parent = stack?.last { tree.put(node, in: parent) }
    if isAwaited { candidates[key] = node }
  }

  /// Lets the links that wait for this layer's files refer to them.
  private func resolve() throws(SquashError) {
    for (target, found) in candidates {
      for link in waiting.removeValue(forKey: target) ?? [] {
        let original = found.original
        guard original !== link else {
          throw SquashError(.notFound, "hard links that lead to each other", path: target)
        }
        link.content = .link(to: original)
      }
    }
    candidates = [:]
  }

  /// Finds the skipped file that links of this layer wait for under a path.
  private func noteMissed(_ target: [UInt8]) throws(SquashError) {
    var (key, steps) = (target, 0)
    while let entry = skipped[key], steps <= skipped.count {
      steps += 1
      switch entry {
      case .file:
        missed[key, default: []].append(target)
        return
      case .link(let next):
        if let found = try tree.file(try LayerTree.components(of: next)) {
          candidates[target] = found
          return try resolve()
        }
        key = next
      }
    }
  }
}
