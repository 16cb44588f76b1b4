import CLinux
import Glibc

/// The name of this process, as `ps` shows it.
public enum ProcessName {
  /// Sets the name, and the same as the whole command line.
  ///
  /// After that the arguments of this process are lost. If the kernel does not say where they are, they stay.
  public static func set(_ name: String) {
    _ = name.withCString { linux_prctl(PR_SET_NAME, UInt(bitPattern: $0), 0) }
    guard
      let text = try? OwnedDescriptor(opening: "/proc/self/stat", flags: O_RDONLY).readToEnd(limit: 1 << 16)
    else { return }
    // The second field, in parentheses, may have blanks in it. The start and the end of the arguments are the 48th
    // and the 49th.
    let fields = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 46, let start = UInt(fields[45]), let end = UInt(fields[46]), start < end,
      let memory = UnsafeMutableRawPointer(bitPattern: start)
    else { return }
    memset(memory, 0, Int(end - start))
    for (index, byte) in name.utf8.prefix(Int(end - start) - 1).enumerated() {
      memory.storeBytes(of: byte, toByteOffset: index, as: UInt8.self)
    }
  }
}
