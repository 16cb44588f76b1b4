import LinuxSystem
import Squash

let squashfs = try SquashImage(RandomAccessFile(opening: "rootfs.squashfs"))
var walker = try TreeWalker(SquashReader(squashfs))
while let event = try walker.next() {
  guard case .entry(let entry) = event else { continue }
  print(String(decoding: entry.path, as: UTF8.self))
}
