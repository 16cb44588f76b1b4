// pack-and-sign ROOTFS IMAGE KEY: makes an image of a directory or a tar archive, and signs it.
@preconcurrency import Glibc
import ImageBuild
import ImageTrust
import SIF

guard CommandLine.arguments.count == 4 else {
  fputs("usage: pack-and-sign ROOTFS IMAGE KEY\n", stderr)
  exit(64)
}
do {
  let (rootfs, path, key) = (CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3])
  // The key comes first: without it, no image is made.
  let identity = try SigningIdentity(contentsOf: key)
  try Packer().pack(rootfs, to: path)
  var editor = try ImageEditor(opening: path)
  let signatures = try ImageSigner.sign(&editor, with: identity)
  print("signature \(signatures.map(\.id))")
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
