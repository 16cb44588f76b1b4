import Forensics
import SIF

/// A map has every byte of any file exactly once, and can be drawn.
@Sendable func fuzzMap(_ bytes: [UInt8]) {
  let storage = MemoryStorage(bytes, limit: 1 << 20)
  guard let map = try? ImageMap(of: storage) else { fatalError("a file in memory can be read") }
  var position: Int64 = 0
  for region in map.regions {
    if region.offset != position || region.length <= 0 { fatalError("the regions do not follow one another") }
    position = region.end
  }
  if position != Int64(bytes.count) { fatalError("the regions do not add up") }
  _ = (MapDrawing(map).document(title: "x"), map.strip())
  if storage.bytes != bytes { fatalError("mapping changed the image") }
}

/// Everything that is carved is within the file, and a salvaged image is sound.
@Sendable func fuzzCarve(_ bytes: [UInt8]) {
  let storage = MemoryStorage(bytes, limit: 1 << 20)
  for everywhere in [false, true] {
    guard let carving = try? Carving(of: storage, everywhere: everywhere) else {
      fatalError("a file in memory can be read")
    }
    for item in carving.items where item.offset < 0 || item.length <= 0 || item.end > Int64(bytes.count) {
      fatalError("an item outside of the file")
    }
  }
  let salvaged = MemoryStorage(limit: 1 << 24)
  do throws(SIFError) {
    _ = try ImageSalvage(of: storage, into: salvaged)
    if (try? ImageCheck(of: salvaged))?.worst == .error { fatalError("the salvaged image is not sound") }
  } catch {
    if error.code == .malformed { fatalError("the salvaged image is not sound: \(error)") }
  }
  if storage.bytes != bytes { fatalError("carving changed the image") }
}
