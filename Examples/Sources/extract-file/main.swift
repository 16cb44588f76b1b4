// extract-file IMAGE PATH: prints a text file of the image.
import Glibc
import Partitions
import SIF

guard CommandLine.arguments.count == 3 else {
  print("usage: extract-file IMAGE PATH")
  exit(64)
}
let squashfs = try Image(opening: CommandLine.arguments[1]).squashfs()
let text = try squashfs.contents(of: CommandLine.arguments[2])
print(String(decoding: text, as: UTF8.self), terminator: "")
