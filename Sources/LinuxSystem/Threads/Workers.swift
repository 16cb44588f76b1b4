import Glibc
import Synchronization

/// Threads for as long as a job takes.
public enum Workers {
  /// How many processors the machine has, but no more than `limit`.
  public static func processors(limit: Int = .max) -> Int {
    min(max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))), limit)
  }

  /// Calls a body with every number below `count`, on up to that many threads of which the caller's is one.
  public static func forEach(_ count: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let job = Job(count, body)
    // Without another thread the work is still done, only later.
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
