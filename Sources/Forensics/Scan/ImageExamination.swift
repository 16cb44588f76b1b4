public import LUKS
public import SIF
import Squash

/// What an image is verified against.
public struct ScanPolicy: Sendable {
  /// One for each format of messages, with its keys.
  public let verifiers: [any MessageVerifier]
  /// Who has to have signed.
  public let policy: VerificationPolicy
  /// The most bytes that are hashed for one image; nil for what is reasonable.
  public let limit: Int64?

  /// A policy.
  public init(_ verifiers: [any MessageVerifier], _ policy: VerificationPolicy, limit: Int64? = nil) {
    self.verifiers = verifiers
    self.policy = policy
    self.limit = limit
  }
}

/// Everything that a scan says of one image.
public struct ImageExamination: Sendable {
  /// What verification came to.
  public enum Verification: Sendable {
    /// A report.
    case report(VerificationReport)
    /// The image is not whole, so that there is nothing to verify.
    case malformed(SIFError)
    /// It was not verified, and why.
    case skipped(String)
  }

  /// The header, as far as there is one.
  public let header: Header?
  /// The objects whose descriptors could be read.
  public let descriptors: [Descriptor]
  /// What the check found.
  public let findings: [Finding]
  /// The facts of encrypted objects, by their ids.
  public let volumes: [(object: UInt32, facts: VolumeFacts)]
  /// What verification came to.
  public let verification: Verification

  /// Encrypted partitions that are looked at.
  private static let mostVolumes = 64

  /// Examines an image. What is wrong with it is part of the answer.
  ///
  /// - Throws: ``SIFError/Code/system`` where it cannot be read.
  public init(_ found: FoundImage, _ policy: ScanPolicy) throws(SIFError) {
    let check = try ImageCheck(of: found.storage)
    header = check.header
    descriptors = check.descriptors
    findings = check.findings
    volumes = try Self.volumes(check, found.storage)
    verification = try Self.verify(found, policy)
  }

  private static func volumes(
    _ check: ImageCheck, _ storage: any Storage
  ) throws(SIFError) -> [(object: UInt32, facts: VolumeFacts)] {
    var volumes: [(object: UInt32, facts: VolumeFacts)] = []
    for object in check.descriptors where object.dataType == .partition && volumes.count < mostVolumes {
      guard let end = object.end, object.offset >= 0, end <= check.fileSize, object.size > 0 else { continue }
      let reader = EvidenceReader(storage, object.offset..<end)
      // What cannot be read is among the findings.
      let facts = try? VolumeFacts(reading: { (count: Int, offset: Int64) throws(SquashError) in
        try reader.bytes(count, at: offset)
      })
      if let facts { volumes.append((object.id, facts)) }
    }
    return volumes
  }

  private static func verify(_ found: FoundImage, _ policy: ScanPolicy) throws(SIFError) -> Verification {
    do throws(SIFError) {
      let image = try Image(reading: found.storage)
      var budget = HashBudget(bytesOnDisk: try found.storage.bytesOnDisk())
      if let limit = policy.limit { budget = HashBudget(limit: limit) }
      for descriptor in image.descriptors {
        _ = try image.bytes(of: descriptor)
        do throws(HashError) {
          try budget.spend(descriptor.size, on: "object \(descriptor.id)")
        } catch { return .skipped(error.description) }
      }
      do throws(IntegrityError) {
        return .report(
          try ImageVerifier.verify(image, with: policy.verifiers, policy: policy.policy, threads: 1))
      } catch {
        guard case .image(let fault) = error else { return .skipped("\(error)") }
        throw fault
      }
    } catch {
      guard error.code != .system else { throw error }
      return .malformed(error)
    }
  }
}

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
    let pipeline = try OrderedPipeline<ScanEvent, Record>(threads: threads) {
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
