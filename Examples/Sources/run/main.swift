@preconcurrency import Glibc
import Partitions
import SIF
import SIFRuntime

do {
  let partition = try Partition(of: Image(opening: "app.sif")).unlock()
  let program = ["/bin/echo", "hello from inside"].map { Array($0.utf8) }
  // The process becomes the program, so this never returns.
  try Container(ImageVolume(partition), image: "app.sif", ContainerOptions(.exec(program))).run()
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
