import Glibc
import SIF
import Squash

/// Finds the architecture of a root file system in the headers of its ELF programs.
struct ArchitectureFinder {
  /// Programs that nearly every system has; their architecture stands for that of all others.
  private static let likely = [
    "bin/sh", "usr/bin/env", "bin/busybox", "bin/bash", "usr/bin/coreutils", "bin/ls", "sbin/init",
  ]
  /// The most files to look at if none of those exists.
  private static let mostFiles = 100_000

  /// The architecture of the machine that this process runs on; nil if SIF has no number for it.
  static var ofThisMachine: Architecture? {
    var machine = utsname()
    guard uname(&machine) == 0 else { return nil }
    let name = withUnsafeBytes(of: &machine.machine) {
      String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let names = [
      "x86_64": "amd64", "aarch64": "arm64", "i686": "386", "armv7l": "arm", "loongarch64": "loong64",
    ]
    return Architecture(name: names[name] ?? name)
  }

  private let reader: SquashReader

  init(_ reader: SquashReader) { self.reader = reader }

  /// The architecture; nil if there is no program of an architecture that SIF has a number for.
  func find() throws(SquashError) -> Architecture? {
    for path in Self.likely {
      let entry: Entry
      do throws(SquashError) {
        entry = try reader.lookup(Array(path.utf8), followLast: true)
      } catch {
        guard error.code != .system else { throw error }
        continue
      }
      if let found = try architecture(of: entry) { return found }
    }
    var walker = try TreeWalker(reader)
    var files = 0
    while files < Self.mostFiles, let event = try walker.next() {
      guard case .entry(let entry) = event, entry.inode.type == .regular, entry.inode.permissions & 0o111 != 0
      else { continue }
      files += 1
      if let found = try architecture(of: entry) { return found }
    }
    return nil
  }

  private func architecture(of entry: Entry) throws(SquashError) -> Architecture? {
    guard let layout = entry.inode.layout, layout.size >= 20 else { return nil }
    let head = try reader.prefix(of: layout, 20)
    guard head.count == 20, head.starts(with: [0x7F, 0x45, 0x4C, 0x46]) else { return nil }
    // Byte 4 is the class (2: 64 bits), byte 5 the byte order (1: little-endian), 18 and 19 the machine.
    let isWide = head[4] == 2
    let isLittle = head[5] == 1
    let machine = isLittle ? Int(head[18]) | Int(head[19]) << 8 : Int(head[18]) << 8 | Int(head[19])
    let name: String? =
      switch machine {
      case 3: "386"
      case 62: "amd64"
      case 40: "arm"
      case 183: "arm64"
      case 21: isLittle ? "ppc64le" : "ppc64"
      case 8: (isWide ? "mips64" : "mips") + (isLittle ? "le" : "")
      case 22: "s390x"
      case 243: isWide ? "riscv64" : nil
      case 258: isWide ? "loong64" : nil
      default: nil
      }
    return name.flatMap { Architecture(name: $0) }
  }
}
