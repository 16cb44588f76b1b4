import Glibc
import LinuxSystem
import SystemPackage

/// A program for another processor, which the kernel refuses without saying so.
enum ForeignProgram {
  private static let names: [Int: String] = [
    3: "i386", 8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64",
    243: "riscv",
    258: "loongarch",
  ]

  /// The reason why the kernel does not run a program, with both architectures; nil if the program is not for another one,
  /// or cannot be read.
  ///
  /// - Parameter program: a path with at least one slash.
  static func error(of program: [UInt8]) -> RuntimeError? {
    let path = FilePath(bytes: program)
    guard program.contains(0x2F),
      let file = try? OwnedDescriptor.withoutMagicLinks(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY),
      let status = try? file.status(), status.st_mode & S_IFMT == S_IFREG
    else { return nil }
    var head = [UInt8](repeating: 0, count: 20)
    guard let count = try? head.withUnsafeMutableBytes({ try file.read(into: $0, at: 0) }), count == 20,
      head.starts(with: [0x7F, 0x45, 0x4C, 0x46])
    else { return nil }
    // Byte 5 is the byte order (1: little-endian), 18 and 19 are the machine.
    let machine = head[5] == 1 ? Int(head[18]) | Int(head[19]) << 8 : Int(head[18]) << 8 | Int(head[19])
    var own = utsname()
    guard uname(&own) == 0 else { return nil }
    let here = withUnsafeBytes(of: &own.machine) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    let there = names[machine] ?? "the machine number \(machine) of ELF"
    guard there != here else { return nil }
    return RuntimeError(
      .notExecutable, "cannot run \(path.string): it is a program for \(there), and this machine is \(here)",
      program: .foreign(there: there, here: here))
  }
}
