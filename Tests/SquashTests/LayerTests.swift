import Bytes
import LinuxSystem
import Squash
import TestSupport
import Testing

/// Layers that are added from the highest down make the tree that adding them from the lowest up makes.
@Suite struct LayerTests {
  /// Random layers over few names, compared with a model that adds them in their own order.
  @Test func theOrderOfReadingDoesNotMatter() throws {
    let scratch = try Scratch()
    // Two seeds that found mistakes, and some more.
    for seed in [1297, 1355] + (0..<250) { try compare(UInt64(seed), scratch) }
  }

  private func compare(_ seed: UInt64, _ scratch: Scratch) throws {
    var random = SeededRandom(seed: seed)
    var serial = 0
    let layers = (0..<Int.random(in: 1...5, using: &random)).map { _ in
      (0..<Int.random(in: 1...9, using: &random)).map { _ -> Change in
        serial += 1
        return Change.random(serial, &random)
      }
    }
    let expected = Result { try Model.tree(of: layers) }
    let found = Result { try Self.tree(of: layers, scratch) }
    switch (expected, found) {
    case (.success(let expected), .success(let found)): #expect(found == expected, "seed \(seed): \(layers)")
    case (.success, .failure(let error)): Issue.record("seed \(seed): \(error): \(layers)")
    // What no program could add from below is not a tree that anybody wants.
    case (.failure, _): break
    }
  }

  private static func tree(of layers: [[Change]], _ scratch: Scratch) throws -> [String] {
    try writeImage(to: scratch.file("image"), { $0.threads = 1 }) { writer in
      try writer.add(layers: layers.count) { layer throws(SquashError) in
        MemorySource(layers[layer].flatMap(\.archive) + [UInt8](repeating: 0, count: 1024))
      }
    }
    let reader = try SquashReader(try openImage(scratch.file("image")))
    var walker = try TreeWalker(reader)
    var lines: [String] = []
    var names: [UInt32: [String]] = [:]
    while let event = try walker.next() {
      guard case .entry(let entry) = event, !entry.path.isEmpty else { continue }
      let path = String(decoding: entry.path, as: UTF8.self)
      guard let layout = entry.inode.layout else {
        lines.append("\(path)/ \(entry.inode.permissions)")
        continue
      }
      let content = String(decoding: try reader.prefix(of: layout, 100), as: UTF8.self)
      lines.append("\(path) \(content)")
      names[entry.inode.number, default: []].append(path)
      #expect(entry.inode.linkCount > 0)
    }
    return (lines + names.values.filter { $0.count > 1 }.map { $0.sorted().joined(separator: "=") }).sorted()
  }
}

/// An entry of a layer.
private struct Change {
  enum Kind { case file, directory, link(String), whiteout, opaque }

  let serial: Int
  let path: String
  let kind: Kind

  private static let paths = ["a", "b", "a/b", "a/c", "b/a", "b/a/d", "b/a/e", "c"]

  static func random(_ serial: Int, _ random: inout SeededRandom) -> Change {
    let path = paths[Int.random(in: 0..<paths.count, using: &random)]
    let kind: Kind =
      switch Int.random(in: 0..<10, using: &random) {
      case 0...3: .file
      case 4...5: .directory
      case 6: .link(paths[Int.random(in: 0..<paths.count, using: &random)])
      case 7...8: .whiteout
      default: .opaque
      }
    return Change(serial: serial, path: path, kind: kind)
  }

  var parts: [String] { path.split(separator: "/").map(String.init) }

  /// The entry as an archive has it.
  var archive: [UInt8] {
    var parts = parts
    let content = Array(String(serial).utf8)
    func header(_ kind: TarHeader.Kind, size: Int = 0, permissions: UInt16 = 0o644, target: String = "")
      -> [UInt8]
    {
      TarHeader.make(
        name: Array(parts.joined(separator: "/").utf8), kind: kind, size: Int64(size),
        permissions: permissions,
        target: Array(target.utf8))
    }
    switch kind {
    case .file:
      return header(.regular, size: content.count) + content + TarHeader.padding(after: Int64(content.count))
    case .directory: return header(.directory, permissions: UInt16(serial))
    case .link(let target): return header(.link, target: target)
    case .whiteout:
      parts[parts.count - 1] = ".wh." + parts[parts.count - 1]
      return header(.regular)
    case .opaque:
      parts.append(".wh..wh..opq")
      return header(.regular)
    }
  }
}

/// Adds layers from the lowest up, as one would do it on a disk.
private final class Model {
  struct Impossible: Error {}

  final class Node {
    var children: [String: Node] = [:]
    let isDirectory: Bool
    var content = ""
    /// The layer that has it.
    var layer: Int
    /// The layer that describes the directory.
    var described = -1

    init(isDirectory: Bool, layer: Int) { (self.isDirectory, self.layer) = (isDirectory, layer) }

    /// What links refer to.
    var file: Node?
  }

  private let root = Node(isDirectory: true, layer: 0)

  static func tree(of layers: [[Change]]) throws -> [String] {
    let model = Model()
    for (number, layer) in layers.enumerated() { try model.add(layer, number) }
    var lines: [String] = []
    var names: [(file: Node, names: [String])] = []
    func list(_ node: Node, _ path: String) {
      for (name, child) in node.children {
        let place = path + name
        if child.isDirectory {
          lines.append("\(place)/ \(child.described < 0 ? 0o755 : Int(child.content) ?? 0)")
          list(child, place + "/")
        } else {
          let file = child.file ?? child
          lines.append("\(place) \(file.content)")
          if let index = names.firstIndex(where: { $0.file === file }) {
            names[index].names.append(place)
          } else {
            names.append((file, [place]))
          }
        }
      }
    }
    list(model.root, "")
    return (lines + names.filter { $0.names.count > 1 }.map { $0.names.sorted().joined(separator: "=") })
      .sorted()
  }

  /// The files that there are, by their paths.
  private func files() -> [String: Node] {
    var found: [String: Node] = [:]
    func list(_ node: Node, _ path: String) {
      for (name, child) in node.children {
        if child.isDirectory {
          list(child, "\(path)\(name)/")
        } else {
          found[path + name] = child.file ?? child
        }
      }
    }
    list(root, "")
    return found
  }

  private func add(_ layer: [Change], _ number: Int) throws {
    let below = files()
    // Whiteouts are about what is below, wherever they stand.
    for change in layer {
      switch change.kind {
      case .whiteout:
        guard let parent = find(change.parts.dropLast()), let name = change.parts.last else { continue }
        parent.children[name] = nil
      case .opaque: find(change.parts[...])?.children = [:]
      default: break
      }
    }
    var held: [(link: Node, target: String)] = []
    var own: [String: Node] = [:]
    for change in layer {
      let name = change.parts.last ?? ""
      switch change.kind {
      case .whiteout, .opaque:
        // A place below a file of this layer cannot have been there.
        try check(change, number)
      case .file, .link:
        if case .link(change.path) = change.kind { continue }
        let parent = try directory(change.parts.dropLast(), number)
        let node = Node(isDirectory: false, layer: number)
        node.content = "\(change.serial)"
        if case .link(let target) = change.kind {
          if let found = find(target.split(separator: "/").map(String.init)[...], file: true),
            found.layer == number
          {
            guard let file = found.file ?? (isHeld(found, held) ? nil : found) else { throw Impossible() }
            node.file = file
          } else {
            held.append((node, target))
          }
        }
        parent.children[name] = node
        own[change.path] = node
      case .directory:
        let parent = try directory(change.parts.dropLast(), number)
        let old = parent.children[name]
        let node = old.flatMap { $0.isDirectory ? $0 : nil } ?? Node(isDirectory: true, layer: number)
        (node.layer, node.described, node.content) = (number, number, "\(change.serial)")
        parent.children[name] = node
      }
    }
    for (link, target) in held {
      // A later file of this layer, or else one of the layers below.
      if let found = own[target] {
        guard found !== link, !isHeld(found, held) || found.file != nil else { throw Impossible() }
        link.file = found.file ?? found
      } else if let found = below[target] {
        link.file = found
      } else {
        throw Impossible()
      }
    }
  }

  private func isHeld(_ node: Node, _ held: [(link: Node, target: String)]) -> Bool {
    held.contains { $0.link === node }
  }

  private func find(_ parts: ArraySlice<String>, file: Bool = false) -> Node? {
    var node = root
    for part in parts {
      guard let next = node.children[part] else { return nil }
      node = next
    }
    return node.isDirectory != file ? node : nil
  }

  private func check(_ change: Change, _ number: Int) throws {
    var node = root
    var parts = change.parts[...]
    if case .whiteout = change.kind { parts = parts.dropLast() }
    for part in parts {
      guard let next = node.children[part] else { return }
      guard next.isDirectory || next.layer != number else { throw Impossible() }
      node = next
    }
  }

  private func directory(_ parts: ArraySlice<String>, _ number: Int) throws -> Node {
    var node = root
    for part in parts {
      if let next = node.children[part], next.isDirectory {
        node = next
        continue
      }
      // A directory takes the place of a lower layer's file, but not of this one's.
      guard node.children[part]?.layer != number else { throw Impossible() }
      let next = Node(isDirectory: true, layer: number)
      node.children[part] = next
      node = next
    }
    return node
  }
}

/// An archive in memory.
private final class MemorySource: ArchiveSource {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let part = rest.prefix(buffer.count)
    buffer.copyBytes(from: part)
    rest = rest.dropFirst(part.count)
    return part.count
  }
}
