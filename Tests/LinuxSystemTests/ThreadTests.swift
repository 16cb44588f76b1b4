import Glibc
import SystemPackage
import Testing

@testable import LinuxSystem

@Suite struct ThreadTests {
  /// Jobs come back in the order that they were handed in, from any number of threads.
  @Test(arguments: [1, 2, 5]) func orderedPipeline(threads: Int) throws {
    let pipeline = try OrderedPipeline<Int, Int, SystemError>(threads: threads) {
      { job in
        // Later ones are done sooner.
        var sum = 0
        for value in 0..<((8 - job % 8) * 2000) { sum &+= value }
        return sum < 0 ? 0 : job * job
      }
    }
    defer { pipeline.close() }
    var results: [Int] = []
    for job in 0..<200 {
      pipeline.submit(job)
      if pipeline.outstanding > 7, let result = try pipeline.take() { results.append(result) }
    }
    while let result = try pipeline.take() { results.append(result) }
    #expect(results == (0..<200).map { $0 * $0 })
  }

  @Test func aPipelineWhoseWorkersCannotBeMade() throws {
    let failure = SystemError(errno: .noMemory, operation: "make a worker")
    let pipeline = try OrderedPipeline<Int, Int, SystemError>(threads: 2) { () throws(SystemError) in
      throw failure
    }
    defer { pipeline.close() }
    pipeline.submit(1)
    #expect(throws: failure) { try pipeline.take() }
  }

  /// A pool performs every job once, or says why it did not.
  @Test(arguments: [1, 2, 5]) func workerPool(threads: Int) throws {
    let sums = Sums()
    let pool = try WorkerPool(threads: threads) { () throws(SystemError) in Adder() }
    defer { pool.close() }
    for job in 1...1000 { try pool.submit(.init(number: job, sum: sums)) }
    try pool.drain()
    #expect(sums.take() == 500_500)
    #expect(throws: SystemError(errno: .invalidArgument, operation: "add")) {
      try pool.submit(.init(number: -1, sum: sums))
      try pool.drain()
    }
  }
}

private final class Sums: @unchecked Sendable {
  private let monitor = Monitor()
  private var sum = 0

  func add(_ number: Int) {
    monitor.lock()
    sum += number
    monitor.unlock()
  }

  func take() -> Int {
    monitor.lock()
    defer { monitor.unlock() }
    defer { sum = 0 }
    return sum
  }
}

private final class Adder: Worker {
  struct Job: Sendable {
    let number: Int
    let sum: Sums
  }

  func perform(_ job: Job) throws(SystemError) {
    guard job.number > 0 else { throw SystemError(errno: .invalidArgument, operation: "add") }
    job.sum.add(job.number)
  }
}
