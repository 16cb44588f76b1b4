/// A filter of system calls, in the kernel's form.
public struct SystemCallFilter: Sendable, Equatable {
  /// Instructions of classic BPF, eight bytes each in the machine's byte order.
  public let instructions: [UInt64]
  /// The flags of seccomp(2).
  public let flags: UInt32

  /// Makes a filter from its instructions.
  public init(instructions: [UInt64], flags: UInt32) {
    self.instructions = instructions
    self.flags = flags
  }
}
