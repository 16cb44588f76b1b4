import LinuxSystem
public import SIF
import Squash

/// Examines the images of a scan on several threads, and returns the results in the order of the scan.
public struct ScanRun: Sendable {
  /// The outcome of one event.
  public enum Outcome: Sendable {
    /// An image was examined.
    case examined(FoundImage, ImageExamination)
    /// An image could not be read.
    case unreadable(FoundImage, SIFError)
    /// Something could not be examined.
    case obstacle(ScanObstacle)
  }

  private let policy: ScanPolicy
  private let threads: Int

  /// A run.
  public init(_ policy: ScanPolicy, threads: Int) {
    self.policy = policy
    self.threads = max(1, min(threads, 64))
  }

  /// Examines everything that the scan finds.
  ///
  /// - Parameters:
  ///   - isKnown: whether an image need not be examined again.
  ///   - render: converts an outcome into a record; called on the threads.
  ///   - body: takes the records, in the order of the scan.
  public func run<Record: Sendable>(
    _ scan: inout DirectoryScan, isKnown: (FoundImage) -> Bool,
    render: @escaping @Sendable (Outcome) -> Record, _ body: (Record) throws -> Void
  ) throws {
    let policy = policy
    let pipeline = try OrderedPipeline<ScanEvent, Record, SystemError>(threads: threads) {
      { event in
        switch event {
        case .obstacle(let obstacle): return render(.obstacle(obstacle))
        case .image(let found):
          do throws(SIFError) {
            return render(.examined(found, try ImageExamination(found, policy)))
          } catch { return render(.unreadable(found, error)) }
        }
      }
    }
    defer { pipeline.close() }
    // Each waiting job holds its file open.
    let window = max(32, 2 * threads)
    while let event = scan.next() {
      if case .image(let found) = event, isKnown(found) { continue }
      pipeline.submit(event)
      while pipeline.outstanding > window, let record = try pipeline.take() { try body(record) }
    }
    while let record = try pipeline.take() { try body(record) }
  }
}
