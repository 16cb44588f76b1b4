import Bytes
import Squash

/// Walking, reading and the attributes of a squashfs image.
@Sendable func fuzzSquashfs(_ bytes: [UInt8]) {
  _ = try? exerciseSquashfs(MemoryReader(bytes), events: 2000)
}
