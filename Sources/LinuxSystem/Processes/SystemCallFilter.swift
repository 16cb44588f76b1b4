/// A filter of system calls, as the kernel takes it.
public struct SystemCallFilter: Sendable, Equatable {
  /// Instructions of classic BPF, eight bytes each in the machine's order.
  public let instructions: [UInt64]
  /// The flags of seccomp(2).
  public let flags: UInt32

  /// A filter from its instructions.
  public init(instructions: [UInt64], flags: UInt32) {
    self.instructions = instructions
    self.flags = flags
  }
}
