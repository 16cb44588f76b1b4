@preconcurrency import Glibc
import Squash

do {
  var walker = try TreeWalker(SquashReader(SquashImage(opening: "rootfs.squashfs")))
  while let event = try walker.next() {
    guard case .entry(let entry) = event else { continue }
    print(entry.pathText)
  }
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
