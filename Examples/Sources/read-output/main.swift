@preconcurrency import Glibc
import Partitions
import SIF
import SIFRuntime

do {
  let program = CommandLine.arguments.dropFirst().map { Array($0.utf8) }
  let partition = try Partition(of: Image(opening: "app.sif")).unlock()
  let container = try Container(ImageVolume(partition), image: "app.sif", ContainerOptions(.exec(program)))
  // The program runs beside this process, which goes on.
  let (bytes, end) = try container.output()
  let lines = bytes.split(separator: UInt8(ascii: "\n"))
  switch end {
  case .status(let status): print("\(lines.count) lines, then exit status \(status)")
  case .signal(let number): print("\(lines.count) lines, then signal \(number)")
  }
} catch {
  fputs("\(error)\n", stderr)
  exit(1)
}
