import Glibc
import SystemPackage

/// A thread of the kernel that runs one closure. Without a ``join()`` it is detached.
package final class Thread: @unchecked Sendable {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private let handle: pthread_t
  private var isJoined = false

  /// Starts a thread.
  ///
  /// - Throws: ``SystemError``, such as `EAGAIN` if the system allows no more threads.
  package init(_ run: @escaping @Sendable () -> Void) throws(SystemError) {
    var handle = pthread_t()
    let body = Unmanaged.passRetained(Body(run))
    let status = pthread_create(
      &handle, nil,
      { argument in
        if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
        return nil
      }, body.toOpaque())
    guard status == 0 else {
      body.release()
      throw SystemError(errno: Errno(rawValue: status), operation: "start a thread")
    }
    self.handle = handle
  }

  deinit {
    if !isJoined { pthread_detach(handle) }
  }

  /// Waits for the thread's end. Only the thread's owner may call this.
  package func join() {
    guard !isJoined else { return }
    isJoined = true
    pthread_join(handle, nil)
  }
}
