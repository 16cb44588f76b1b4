/// Something that performs jobs one after the other, in one thread.
package protocol Worker: AnyObject, SendableMetatype {
  associatedtype Job: Sendable
  associatedtype Failure: SystemErrorConvertible
  func perform(_ job: Job) throws(Failure)
}

/// Threads that perform jobs in no particular order, behind a short queue. The first failure ends the work.
///
/// With one thread there are no threads: jobs are performed where they are submitted. Where the thread that submits
/// them has a worker, it is one of the threads: it performs what finds the queue full, instead of waiting.
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
  /// - Parameter submitter: the worker of the thread that submits jobs, where that is to perform some, too.
  package init(
    threads count: Int, submitter: W? = nil, make: @escaping @Sendable () throws(W.Failure) -> W
  ) throws(W.Failure) {
    // Whoever performs a job does not fill the queue meanwhile: then there are more jobs in it.
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

  /// A job for the thread that submits them, which no other waits for.
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

  /// Hands a job over; while the queue is full, it is performed here, or waits.
  package func submit(_ job: W.Job) throws(W.Failure) {
    if try !enqueue(job) { try performHere(job) }
  }

  private func performHere(_ job: W.Job) throws(W.Failure) {
    do throws(W.Failure) { try inline?.perform(job) } catch {
      fail(error)
      throw error
    }
  }

  /// Answers whether the queue took the job.
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

  /// Waits until every job that was submitted is done.
  package func drain() throws(W.Failure) {
    while let job = takeQueued() { try performHere(job) }
    monitor.lock()
    defer { monitor.unlock() }
    while failure == nil, !queue.isEmpty || running > 0 { monitor.wait(for: .space) }
    if let failure { throw failure }
  }

  /// Waits until a job that was submitted has made a condition true.
  package func wait(until isTrue: () -> Bool) throws(W.Failure) {
    monitor.lock()
    defer { monitor.unlock() }
    while failure == nil, !isTrue() { monitor.wait(for: .space) }
    if let failure { throw failure }
  }

  /// Ends the threads after the jobs that are queued, or at once after a failure. Call it on every way out.
  package func close() {
    monitor.lock()
    isClosed = true
    monitor.broadcast(.work)
    monitor.unlock()
    for thread in threads { thread.join() }
    threads = []
  }
}
