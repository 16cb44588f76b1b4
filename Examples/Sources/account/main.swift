import Forensics
@preconcurrency import Glibc
import SIF

do {
  let storage = try FileStorage(opening: "evidence.sif", preservesAccessTime: true)
  for region in try ImageMap(of: storage).regions {
    print("\(region.offset) \(region.length) \(region.what)")
  }
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
