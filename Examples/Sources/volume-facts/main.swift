@preconcurrency import Glibc
import LUKS
import SIF

do {
  let image = try Image(opening: "secret.sif")
  if let partition = image.primarySystemPartition,
    let facts = try VolumeFacts(of: image.bytes(of: partition))
  {
    print("LUKS\(facts.version), \(facts.cipher)")
    for slot in facts.keySlots { print("key slot \(slot.number): \(slot.kdf)") }
  }
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
