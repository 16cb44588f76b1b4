import Glibc
import Synchronization

/// Threads that last as long as one job.
public enum Workers {
  /// The number of the machine's processors, but at most `limit`, and at least one.
  public static func processors(limit: Int = .max) -> Int {
    max(1, min(Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))), limit))
  }

  /// Calls a body with every number below `count`, on at most that many threads; the caller's is one of them.
  public static func forEach(_ count: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let job = Job(count, body)
    // If no thread can be started, the caller's does all the work.
    let others = (1..<max(1, min(threads, count))).compactMap { _ in try? Thread { job.run() } }
    job.run()
    for thread in others { thread.join() }
  }

  private final class Job: Sendable {
    private let next = Atomic<Int>(0)
    private let count: Int
    private let body: @Sendable (Int) -> Void

    init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.count = count
      self.body = body
    }

    func run() {
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        body(index)
      }
    }
  }
}
