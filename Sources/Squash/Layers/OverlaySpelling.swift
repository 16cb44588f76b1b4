/// How layers say that a name of a lower layer is gone.
public enum LayerSpelling: Sendable {
  /// By the names of entries, as archives do: `.wh.NAME` and `.wh..wh..opq`.
  case names
  /// As the kernel's overlay does: a character device 0:0 of the name, and an attribute of the directory.
  case overlay

  static let whiteout = Array(".wh.".utf8)
  static let aufs = Array(".wh..wh.".utf8)
  static let opaque = Array(".wh..wh..opq".utf8)
  static let opaqueAttribute = ExtendedAttribute(
    name: Array("trusted.overlay.opaque".utf8), value: Array("y".utf8))
  /// What the names of the overlay's own attributes begin with.
  static let attributePrefix = Array("trusted.overlay.".utf8)
}

extension TarEntry {
  /// Whether it is a whiteout of the kernel's overlay.
  var isOverlayWhiteout: Bool {
    fileType == .characterDevice && device == DeviceNumber(major: 0, minor: 0)
  }

  /// Whether it is a directory that hides what lower layers have in it.
  var isOpaque: Bool {
    fileType == .directory && attributes.attributes.contains(LayerSpelling.opaqueAttribute)
  }
}

extension SquashWriter {
  /// Adds one layer, a tar archive, as a layer of the kernel's overlay: whiteouts become what that understands.
  ///
  /// - Throws: ``SquashError/Code/notFound`` for a hard link to a file of another layer, which no layer by itself can hold.
  public func add(layer source: any ArchiveSource) throws(SquashError) {
    let input = TarInput(layer: source)
    let parser = TarParser(input)
    var hidden: [[[UInt8]]] = []
    var opaque: [[[UInt8]]] = []
    while let entry = try parser.next() {
      do throws(SquashError) {
        let path = try LayerTree.components(of: entry.name)
        guard let name = path.last, path.contains(where: { $0.starts(with: LayerSpelling.whiteout) }) else {
          try add(entry, input)
          continue
        }
        try input.skip(entry)
        if name == LayerSpelling.opaque {
          opaque.append(path.dropLast())
        } else if !name.starts(with: LayerSpelling.aufs) {
          let hiddenName = Array(name.dropFirst(LayerSpelling.whiteout.count))
          if let reason = DirectoryCursor.refusal(hiddenName) {
            throw SquashError(.hostileName, "a whiteout of \(reason)")
          }
          hidden.append(path.dropLast() + [hiddenName])
        }
      } catch { throw error.at(path: entry.name) }
    }
    try input.drain()
    // Whiteouts are about lower layers, wherever they stand among the entries of this one.
    for path in hidden {
      if let node = node(path) {
        if node.type == .directory { opaque.append(path) }
      } else {
        try place(
          path, .characterDevice, FileAttributes(permissions: 0), .device(DeviceNumber(major: 0, minor: 0)))
      }
    }
    for path in opaque {
      let directory: WriteNode
      if let found = node(path) { directory = found } else { directory = try parent(of: path + [[]]) }
      guard directory.type == .directory,
        !directory.attributes.attributes.contains(LayerSpelling.opaqueAttribute)
      else { continue }
      directory.attributes.attributes.append(LayerSpelling.opaqueAttribute)
    }
  }

  private func node(_ path: [[UInt8]]) -> WriteNode? {
    var node: WriteNode? = root
    for component in path { node = node?.child(component) }
    return node
  }
}
