import Forensics
import SIF

let map = try ImageMap(of: FileStorage(opening: "evidence.sif", preservesAccessTime: true))
for region in map.regions {
  print("\(region.offset) \(region.length) \(region.what)")
}
