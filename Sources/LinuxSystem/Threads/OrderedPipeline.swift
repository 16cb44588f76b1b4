/// Threads that perform jobs, while the owner submits new jobs and takes the results in the order of the jobs.
///
/// Only the owner's thread may call the methods. With one thread, no other is started: a job is performed
/// when it is submitted.
/// handed in.
package final class OrderedPipeline<Job: Sendable, Output: Sendable, Failure: SystemErrorConvertible>:
  @unchecked Sendable
{
  /// Makes the function with which a thread performs its jobs.
  package typealias Maker = @Sendable () throws(Failure) -> (Job) -> Output

  private let monitor = Monitor()
  private var queue: [(number: Int, job: Job)] = []
  private var results: [Int: Output] = [:]
  private var failure: Failure?
  private var isClosed = false
  private var threads: [Thread] = []
  private var inline: ((Job) -> Output)?
  /// The numbers of the next job to submit, and of the next result to take.
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

  /// The number of submitted jobs whose results have not been taken.
  package var outstanding: Int { submitted - taken }

  /// Submits a job.
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

  /// Waits for the result of the oldest outstanding job; nil if there is none.
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

  /// Ends the threads; jobs that have not begun are dropped. Call it on every way out.
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
