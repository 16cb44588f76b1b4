// extract-file IMAGE PATH: writes one file of the image to standard output.
import Glibc
import Partitions
import SIF

guard CommandLine.arguments.count == 3 else {
  print("usage: extract-file IMAGE PATH")
  exit(64)
}
let squashfs = try Image(opening: CommandLine.arguments[1]).squashfs()
let bytes = try squashfs.contents(of: CommandLine.arguments[2])
fwrite(bytes, 1, bytes.count, stdout)
