import LinuxSystem
public import SIF
import Squash

/// Examines the images of a scan on several threads, and hands what it finds out in the order of the scan.
public struct ScanRun: Sendable {
  /// What comes of one event.
  public enum Outcome: Sendable {
    /// An image was examined.
    case examined(FoundImage, ImageExamination)
    /// An image could not be read.
    case unreadable(FoundImage, SIFError)
    /// Something could not be looked at.
    case obstacle(ScanObstacle)
  }

  private let policy: ScanPolicy
  private let threads: Int

  /// A run.
  public init(_ policy: ScanPolicy, threads: Int) {
    self.policy = policy
    self.threads = max(1, min(threads, 64))
  }

  /// Examines everything that the scan comes upon.
  ///
  /// - Parameters:
  ///   - isKnown: whether an image need not be examined again.
  ///   - render: makes what is handed out; called on the threads.
  ///   - body: takes what was made, in the order of the scan.
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
    // Each job that waits holds its file open.
    let window = max(32, 2 * threads)
    while let event = scan.next() {
      if case .image(let found) = event, isKnown(found) { continue }
      pipeline.submit(event)
      while pipeline.outstanding > window, let record = try pipeline.take() { try body(record) }
    }
    while let record = try pipeline.take() { try body(record) }
  }
}
