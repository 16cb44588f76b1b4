import Glibc

/// A mutex with two conditions, at a stable address.
package final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let conditions = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 2)

  /// The conditions that threads wait for.
  package enum Condition: Int {
    case work = 0
    case space = 1
  }

  package init() {
    pthread_mutex_init(mutex, nil)
    for index in 0..<2 { pthread_cond_init(conditions + index, nil) }
  }

  deinit {
    for index in 0..<2 { pthread_cond_destroy(conditions + index) }
    pthread_mutex_destroy(mutex)
    conditions.deallocate()
    mutex.deallocate()
  }

  package func lock() { pthread_mutex_lock(mutex) }
  package func unlock() { pthread_mutex_unlock(mutex) }
  package func wait(for condition: Condition) { pthread_cond_wait(conditions + condition.rawValue, mutex) }
  package func signal(_ condition: Condition) { pthread_cond_signal(conditions + condition.rawValue) }
  package func broadcast(_ condition: Condition) { pthread_cond_broadcast(conditions + condition.rawValue) }
}
