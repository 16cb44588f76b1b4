import Squash

/// Walks a squashfs image, and reads its files and attributes.
@Sendable func fuzzSquashfs(_ bytes: [UInt8]) {
  _ = try? exerciseSquashfs(MemoryReader(bytes), events: 2000)
}
