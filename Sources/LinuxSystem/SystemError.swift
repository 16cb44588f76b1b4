public import Bytes
import CLinux
public import SystemPackage

/// A failed system call: the attempted operation, its object, and the kernel's reason.
public struct SystemError: Fault, Equatable, Sendable {
  /// The kernel's reason.
  public let errno: Errno
  /// The operation, as a verb phrase: `open`, `write`, `take a lock on`.
  public let operation: String
  /// The file that it was about, if it has a name.
  public let path: FilePath?
  /// A clause that says more than the kernel's reason, such as `it is a FIFO`; nil if that reason is enough.
  public let detail: String?

  /// Makes an error from its parts.
  public init(errno: Errno, operation: String, path: FilePath? = nil, detail: String? = nil) {
    self.errno = errno
    self.operation = operation
    self.path = path
    self.detail = detail
  }

  /// The same word for every failed call.
  public var identifier: String { "system" }

  /// Always an error of the operating system.
  public var kind: FaultKind { .system }

  /// One sentence without a final stop: `cannot open image.sif: No such file or directory`.
  public var description: String {
    let object = path.map { " \($0.printable)" } ?? ""
    return "cannot \(operation)\(object): \(detail ?? errno.description)"
  }

  /// All system calls go through this function: it repeats a call that a signal interrupted, and turns -1
  /// into an error.
  ///
  /// - Parameter call: the call, which returns -1 and sets `errno` if it fails.
  /// - Returns: the result of the call, never -1.
  @discardableResult
  public static func check<Result: FixedWidthInteger & SignedInteger>(
    _ operation: String, _ path: FilePath? = nil, _ call: () -> Result
  ) throws(SystemError) -> Result {
    while true {
      let result = call()
      if result != -1 { return result }
      let errno = Errno(rawValue: linux_errno())
      if errno != .interrupted { throw SystemError(errno: errno, operation: operation, path: path) }
    }
  }
}

/// An error type of any module that a failed system call can be turned into.
package protocol SystemErrorConvertible: Error {
  init(_ error: SystemError)
}

extension SystemError: SystemErrorConvertible {
  package init(_ error: SystemError) { self = error }
}
