@preconcurrency import Glibc
import ImageTrust
import Partitions
import SIF

do {
  let image = try Image(opening: "app.sif")
  print(image.listing, terminator: "")

  let report = try image.verify(with: TrustedKeys(contentsOf: "release.asc"))
  print("Verdict: \(report.verdict)")

  let squashfs = try image.squashfs()
  print(String(decoding: try squashfs.contents(of: "/etc/os-release"), as: UTF8.self), terminator: "")
  try squashfs.extract(to: "app")
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
