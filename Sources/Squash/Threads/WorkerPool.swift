import Glibc

/// Something that performs jobs one after the other, in one thread.
protocol Worker: AnyObject, SendableMetatype {
  associatedtype Job: Sendable
  func perform(_ job: Job) throws(SquashError)
}

/// A mutex with two conditions, at a stable address.
package final class Monitor: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let conditions = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 2)

  /// What a thread waits for.
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

/// A thread of the kernel that runs one closure. Joining is the owner's duty.
package struct Thread: ~Copyable {
  private final class Body {
    let run: @Sendable () -> Void
    init(_ run: @escaping @Sendable () -> Void) { self.run = run }
  }

  private let handle: pthread_t

  package init(_ run: @escaping @Sendable () -> Void) throws(SquashError) {
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
      throw SquashError(.system, "cannot start a thread", errno: status)
    }
    self.handle = handle
  }

  package consuming func join() { pthread_join(handle, nil) }
}

/// Threads that perform jobs in no particular order, behind a short queue. The first failure ends the work.
///
/// With one thread there are no threads: jobs are performed where they are submitted. Where the thread that submits
/// them has a worker, it is one of the threads: it performs what finds the queue full, instead of waiting.
final class WorkerPool<W: Worker>: @unchecked Sendable {
  private let monitor = Monitor()
  private let capacity: Int
  private var queue: [W.Job] = []
  private var running = 0
  private var isClosed = false
  private var failure: SquashError?
  private var threads: [JoinableThread] = []
  private let inline: W?

  private final class JoinableThread {
    private var thread: Thread?
    init(_ thread: consuming Thread) { self.thread = consume thread }
    func join() { thread.take()?.join() }
  }

  /// Starts the threads; each makes its own worker.
  ///
  /// - Parameter submitter: the worker of the thread that submits jobs, where that is to perform some, too.
  init(
    threads count: Int, submitter: W? = nil, make: @escaping @Sendable () throws(SquashError) -> W
  ) throws(SquashError) {
    // Whoever performs a job does not fill the queue meanwhile: then there are more jobs in it.
    capacity = (submitter == nil ? 2 : 4) * count
    guard count > 1 else {
      if let submitter { inline = submitter } else { inline = try make() }
      return
    }
    inline = submitter
    do throws(SquashError) {
      for _ in (submitter == nil ? 0 : 1)..<count {
        threads.append(JoinableThread(try Thread { [self] in run(make) }))
      }
    } catch {
      close()
      throw error
    }
  }

  private func run(_ make: @Sendable () throws(SquashError) -> W) {
    do throws(SquashError) {
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

  private func fail(_ error: SquashError) {
    monitor.lock()
    if failure == nil { failure = error }
    monitor.broadcast(.space)
    monitor.broadcast(.work)
    monitor.unlock()
  }

  /// Hands a job over; while the queue is full, it is performed here, or waits.
  func submit(_ job: W.Job) throws(SquashError) {
    if try !enqueue(job) { try performHere(job) }
  }

  private func performHere(_ job: W.Job) throws(SquashError) {
    do throws(SquashError) { try inline?.perform(job) } catch {
      fail(error)
      throw error
    }
  }

  /// Answers whether the queue took the job.
  private func enqueue(_ job: W.Job) throws(SquashError) -> Bool {
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
  func drain() throws(SquashError) {
    while let job = takeQueued() { try performHere(job) }
    monitor.lock()
    defer { monitor.unlock() }
    while failure == nil, !queue.isEmpty || running > 0 { monitor.wait(for: .space) }
    if let failure { throw failure }
  }

  /// Waits until a job that was submitted has made a condition true.
  func wait(until isTrue: () -> Bool) throws(SquashError) {
    monitor.lock()
    defer { monitor.unlock() }
    while failure == nil, !isTrue() { monitor.wait(for: .space) }
    if let failure { throw failure }
  }

  /// Ends the threads after the jobs that are queued, or at once after a failure. Call it on every way out.
  func close() {
    monitor.lock()
    isClosed = true
    monitor.broadcast(.work)
    monitor.unlock()
    for thread in threads { thread.join() }
    threads = []
  }
}
