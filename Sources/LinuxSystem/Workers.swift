import Glibc
import Synchronization

/// Threads for as long as a job takes.
public enum Workers {
  /// The processors that this process may use.
  public static var processors: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// Calls a body with every number below `count`, on up to that many threads of which the caller's is one.
  public static func forEach(_ count: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let job = Job(count, body)
    var others: [pthread_t] = []
    for _ in 1..<max(1, min(threads, count)) {
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(job)
      let status = pthread_create(
        &thread, nil,
        { argument in
          if let argument { Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run() }
          return nil
        }, argument.toOpaque())
      // Without another thread the work is still done, only later.
      if status == 0 { others.append(thread) } else { argument.release() }
    }
    job.run()
    for thread in others { pthread_join(thread, nil) }
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
