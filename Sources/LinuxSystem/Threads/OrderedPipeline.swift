/// Threads that perform jobs while the owner hands in new ones and takes the results out in the order of the jobs.
///
/// All methods are for one thread, the owner's. With one thread there are no others: a job is performed where it is
/// handed in.
package final class OrderedPipeline<Job: Sendable, Output: Sendable, Failure: SystemErrorConvertible>:
  @unchecked Sendable
{
  /// Makes what a thread performs its jobs with.
  package typealias Maker = @Sendable () throws(Failure) -> (Job) -> Output

  private let monitor = Monitor()
  private var queue: [(number: Int, job: Job)] = []
  private var results: [Int: Output] = [:]
  private var failure: Failure?
  private var isClosed = false
  private var threads: [Thread] = []
  private var inline: ((Job) -> Output)?
  /// The numbers of the job that is handed in next, and of the result that is taken out next.
  private var (submitted, taken) = (0, 0)

  /// Starts the threads.
  package init(threads count: Int, _ make: @escaping Maker) throws(Failure) {
    guard count > 1 else {
      inline = try make()
      return
    }
    do throws(SystemError) {
      for _ in 0..<count { threads.append(try Thread { [self] in run(make) }) }
    } catch {
      close()
      throw Failure(error)
    }
  }

  /// How many jobs were handed in whose results were not taken out.
  package var outstanding: Int { submitted - taken }

  /// Hands in a job.
  package func submit(_ job: Job) {
    let number = submitted
    submitted += 1
    if let inline {
      results[number] = inline(job)
      return
    }
    monitor.lock()
    queue.append((number, job))
    monitor.signal(.work)
    monitor.unlock()
  }

  /// Waits for the result of the oldest job that is outstanding; nil where none is.
  package func take() throws(Failure) -> Output? {
    guard outstanding > 0 else { return nil }
    monitor.lock()
    defer { monitor.unlock() }
    while results[taken] == nil {
      if let failure { throw failure }
      monitor.wait(for: .space)
    }
    defer { taken += 1 }
    return results.removeValue(forKey: taken)
  }

  /// Ends the threads; jobs that none has begun are dropped. To be called on every way out.
  package func close() {
    monitor.lock()
    isClosed = true
    queue = []
    monitor.broadcast(.work)
    monitor.unlock()
    for thread in threads { thread.join() }
    threads = []
  }

  private func run(_ make: Maker) {
    do throws(Failure) {
      let perform = try make()
      while let (number, job) = next() {
        let result = perform(job)
        monitor.lock()
        results[number] = result
        monitor.broadcast(.space)
        monitor.unlock()
      }
    } catch {
      monitor.lock()
      if failure == nil { failure = error }
      monitor.broadcast(.space)
      monitor.unlock()
    }
  }

  private func next() -> (Int, Job)? {
    monitor.lock()
    defer { monitor.unlock() }
    while queue.isEmpty, !isClosed { monitor.wait(for: .work) }
    return queue.isEmpty ? nil : queue.removeFirst()
  }
}
