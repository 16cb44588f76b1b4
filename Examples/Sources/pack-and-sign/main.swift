// pack-and-sign ROOTFS IMAGE KEY: makes an image of a directory or a tar archive, and signs it.
import Glibc
import ImageBuild
import ImageTrust
import SIF

guard CommandLine.arguments.count == 4 else {
  print("usage: pack-and-sign ROOTFS IMAGE KEY")
  exit(64)
}
let (rootfs, path, key) = (CommandLine.arguments[1], CommandLine.arguments[2], CommandLine.arguments[3])
try Packer().pack(rootfs, to: path)
var editor = try ImageEditor(opening: path)
let identity = try SigningIdentity(contentsOf: key)
let signatures = try ImageSigner.sign(&editor, with: identity)
print("signature \(signatures.map(\.id))")
