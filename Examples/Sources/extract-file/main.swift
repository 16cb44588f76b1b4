// extract-file IMAGE PATH: prints a text file of the image.
@preconcurrency import Glibc
import Partitions
import SIF

guard CommandLine.arguments.count == 3 else {
  fputs("usage: extract-file IMAGE PATH\n", stderr)
  exit(64)
}
do {
  let squashfs = try Image(opening: CommandLine.arguments[1]).squashfs()
  let text = try squashfs.contents(of: CommandLine.arguments[2])
  print(String(decoding: text, as: UTF8.self), terminator: "")
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
