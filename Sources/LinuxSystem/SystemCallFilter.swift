import CLinux

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

  /// Puts this process, which must have one thread, and whatever it becomes or starts under the filter, on top of
  /// those that it is under already. New privileges have to be forbidden before.
  ///
  /// Nothing is allocated: a filter may forbid what follows.
  ///
  /// - Throws: ``SystemError``: `EINVAL` where the kernel has no filters, or the filter is longer than 4096 instructions.
  public func install() throws(SystemError) {
    let count = instructions.count
    guard let length = UInt16(exactly: count) else {
      throw SystemError(errno: .invalidArgument, operation: "install a filter of \(count) instructions")
    }
    try SystemError.check("install the filter of system calls") {
      instructions.withUnsafeBufferPointer { linux_seccomp_filter($0.baseAddress, length, flags) }
    }
  }
}
