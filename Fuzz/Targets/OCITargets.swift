import Bytes
import OCI
import Squash

/// An index. What is read is written, and then read as the same.
@Sendable func fuzzOCIIndex(_ bytes: [UInt8]) {
  guard let index = try? OCIIndex(reading: bytes) else { return }
  guard let again = try? OCIIndex(reading: index.bytes), again.bytes == index.bytes else {
    fatalError("the index changed")
  }
}

/// A manifest. What is read is written, and then read as the same.
@Sendable func fuzzOCIManifest(_ bytes: [UInt8]) {
  guard let manifest = try? OCIManifest(reading: bytes) else { return }
  _ = manifest.layerBytes
  guard let again = try? OCIManifest(reading: manifest.bytes), again.bytes == manifest.bytes else {
    fatalError("the manifest changed")
  }
}

/// A configuration.
@Sendable func fuzzOCIConfig(_ bytes: [UInt8]) {
  guard let config = try? OCIConfig(reading: bytes) else { return }
  _ = config.platform?.description
}

/// The name of an image. What is read is written, and then read as the same.
@Sendable func fuzzOCIReference(_ bytes: [UInt8]) {
  guard let text = String(validating: bytes, as: UTF8.self), let reference = try? OCIReference(text) else {
    return
  }
  guard let again = try? OCIReference(reference.description), again.description == reference.description
  else {
    fatalError("the name changed")
  }
}

/// Layers. Each byte of the input chooses an entry, over few names and targets, so that entries meet; or else the input is the
/// archive of a single layer. What comes out has to be a sound squashfs.
@Sendable func fuzzOCILayers(_ bytes: [UInt8]) {
  write([bytes])
  write(bytes.split(separator: 0xFF, maxSplits: 8, omittingEmptySubsequences: false).map(LayerBytes.archive))
}

private func write(_ layers: [[UInt8]]) {
  let memory = WritableMemory()
  var options = WriterOptions()
  options.threads = 1
  options.compression = .lz4
  var limits = LayerLimits()
  (limits.entries, limits.bytes) = (10_000, 1 << 20)
  do throws(SquashError) {
    let writer = try SquashWriter(memory, options)
    try writer.add(layers: layers.count, limits: limits) { layer throws(SquashError) in
      LayerBytes(layers[layer])
    }
    _ = try writer.finish()
  } catch { return }
  do throws(SquashError) {
    var walker = try TreeWalker(try SquashReader(try SquashImage(MemoryReader(memory.bytes))))
    while let event = try walker.next() {
      if case .fault(let fault) = event { fatalError("\(fault)") }
    }
  } catch { fatalError("\(error)") }
}

/// An archive in memory.
private final class LayerBytes: ArchiveSource {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
    let part = rest.prefix(buffer.count)
    buffer.copyBytes(from: part)
    rest = rest.dropFirst(part.count)
    return part.count
  }

  private static let names = [
    "a", "b", "a/b", "a/b/c", "b/a", "a/../b/c", ".wh.a", "a/.wh.b", "a/.wh..wh..opq", ".wh..wh..opq",
    "c/.wh.d", "c/d/e", "/a/c", "./",
    "b/.wh.a", ".wh..wh.plnk/x",
  ]
  private static let targets = ["a", "b", "a/b", "../..", "/", ".", "b/../a", "a/b/c"]

  /// An archive whose entries the bytes choose: half a byte for the name, three bits for the target, one bit with the next
  /// byte for the type.
  static func archive(_ choices: some Sequence<UInt8>) -> [UInt8] {
    var archive: [UInt8] = []
    var pending: UInt8?
    for choice in choices {
      guard let first = pending else {
        pending = choice
        continue
      }
      pending = nil
      let kinds: [TarHeader.Kind] = [.regular, .directory, .symlink, .link, .fifo, .characterDevice]
      let kind = kinds[Int(choice & 7) % kinds.count]
      let content: [UInt8] = kind == .regular ? [choice] : []
      archive += TarHeader.make(
        name: Array(names[Int(first & 15)].utf8), kind: kind, size: Int64(content.count),
        target: Array(targets[Int(first >> 4) & 7].utf8))
      archive += content + TarHeader.padding(after: Int64(content.count))
    }
    return archive + [UInt8](repeating: 0, count: 1024)
  }
}

/// A file in memory that is written at any offset.
private final class WritableMemory: RandomWritable, @unchecked Sendable {
  private(set) var bytes: [UInt8] = []

  func write(_ source: UnsafeRawBufferPointer, at offset: Int64) {
    let end = Int(offset) + source.count
    if end > bytes.count { bytes += [UInt8](repeating: 0, count: end - bytes.count) }
    bytes.replaceSubrange(Int(offset)..<end, with: source)
  }
}
