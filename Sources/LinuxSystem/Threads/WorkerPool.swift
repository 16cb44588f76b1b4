/// An object that performs jobs one after the other, in one thread.
package protocol Worker: AnyObject, SendableMetatype {
  associatedtype Job: Sendable
  associatedtype Failure: SystemErrorConvertible
  func perform(_ job: Job) throws(Failure)
}

/// Threads that perform jobs in any order, from a short queue. The first failure ends the work.
///
/// With one thread, no other is started: jobs are performed when they are submitted. If the submitting thread has a
/// worker, it counts as one of the threads: when the queue is full, it performs the job itself instead of waiting.
package final class WorkerPool<W: Worker>: @unchecked Sendable {
  private let monitor = Monitor()
  private let capacity: Int
  private var queue: [W.Job] = []
  private var running = 0
  private var isClosed = false
  private var failure: W.Failure?
  private var threads: [Thread] = []
  private let inline: W?

  /// Starts the threads; each makes its own worker.
  ///
  /// - Parameter submitter: the worker of the submitting thread, if that thread performs jobs, too.
  package init(
    threads count: Int, submitter: W? = nil, make: @escaping @Sendable () throws(W.Failure) -> W
  ) throws(W.Failure) {
    // While the submitter performs a job it does not fill the queue, so the queue has to be longer.
    capacity = (submitter == nil ? 2 : 4) * count
    guard count > 1 else {
      if let submitter { inline = submitter } else { inline = try make() }
      return
    }
    inline = submitter
    do throws(SystemError) {
      for _ in (submitter == nil ? 0 : 1)..<count { threads.append(try Thread { [self] in run(make) }) }
    } catch {
      close()
      throw W.Failure(error)
    }
  }

  private func run(_ make: @Sendable () throws(W.Failure) -> W) {
    do throws(W.Failure) {
      let worker = try make()
      while let job = take() {
        try worker.perform(job)
        done()
      }
    } catch { fail(error) }
  }

  private func take() -> W.Job? {
    monitor.lock()
    defer { monitor.unlock() }
    while queue.isEmpty, !isClosed, failure == nil { monitor.wait(for: .work) }
    guard failure == nil, !queue.isEmpty else { return nil }
    running += 1
    let job = queue.removeFirst()
    monitor.broadcast(.space)
    return job
  }

  /// Takes a job from the queue for the submitting thread.
  private func takeQueued() -> W.Job? {
    monitor.lock()
    defer { monitor.unlock() }
    return inline != nil && failure == nil && !queue.isEmpty ? queue.removeFirst() : nil
  }

  private func done() {
    monitor.lock()
    running -= 1
    monitor.broadcast(.space)
    monitor.unlock()
  }

  private func fail(_ error: W.Failure) {
    monitor.lock()
    if failure == nil { failure = error }
    monitor.broadcast(.space)
    monitor.broadcast(.work)
    monitor.unlock()
  }

  /// Submits a job. If the queue is full, this thread performs the job or waits.
  package func submit(_ job: W.Job) throws(W.Failure) {
    if try !enqueue(job) { try performHere(job) }
  }

  private func performHere(_ job: W.Job) throws(W.Failure) {
    do throws(W.Failure) { try inline?.perform(job) } catch {
      fail(error)
      throw error
    }
  }

  /// Puts a job into the queue. Returns false if this thread has to perform it.
  private func enqueue(_ job: W.Job) throws(W.Failure) -> Bool {
    if threads.isEmpty { return false }
    monitor.lock()
    defer { monitor.unlock() }
    while queue.count >= capacity, failure == nil {
      if inline != nil { return false }
      monitor.wait(for: .space)
    }
    if let failure { throw failure }
    queue.append(job)
    monitor.signal(.work)
    return true
  }

  /// Waits until all submitted jobs are done.
  package func drain() throws(W.Failure) {
    while let job = takeQueued() { try performHere(job) }
    monitor.lock()
    defer { monitor.unlock() }
    while failure == nil, !queue.isEmpty || running > 0 { monitor.wait(for: .space) }
    if let failure { throw failure }
  }

  /// Waits until a submitted job has made a condition true.
  package func wait(until isTrue: () -> Bool) throws(W.Failure) {
    monitor.lock()
    defer { monitor.unlock() }
    while failure == nil, !isTrue() { monitor.wait(for: .space) }
    if let failure { throw failure }
  }

  /// Ends the threads after the queued jobs, or at once after a failure. Call it on every way out.
  package func close() {
    monitor.lock()
    isClosed = true
    monitor.broadcast(.work)
    monitor.unlock()
    for thread in threads { thread.join() }
    threads = []
  }
}
