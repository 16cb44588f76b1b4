import Bytes
public import Gcrypt
public import ImageTrust
public import LUKS
public import SIF
import Squash

/// What an image is verified against.
public struct ScanPolicy: Sendable {
  /// The keys whose signatures count, judged at the time when the policy was made.
  let verifiers: [any MessageVerifier]
  /// Who has to have signed.
  public let policy: VerificationPolicy
  /// The most bytes that are hashed for one image; nil for what is reasonable.
  public let limit: Int64?
  /// What tells the policy from others: hexadecimal digits (spec/timeline.md, "Scan records").
  public let identity: String

  /// A policy.
  ///
  /// - Parameters:
  ///   - keys: the keys whose signatures count, with the digests of their files.
  ///   - policy: who has to have signed.
  ///   - limit: the most bytes that are hashed for one image; nil for what is reasonable.
  public init(
    _ keys: TrustedKeys, _ policy: VerificationPolicy, limit: Int64? = nil
  ) throws(GcryptError) {
    verifiers = keys.verifiers()
    self.policy = policy
    self.limit = limit
    let signers = Set(policy.requiredSigners.map { $0.lowercased() }).sorted().map { "signer \($0)\n" }
    let files = Set(keys.fileDigests.map { Hexadecimal.text($0) }).sorted().map { "key \($0)\n" }
    let text =
      "threshold \(policy.threshold)\nstrict \(policy.isStrict)\nlimit \(limit.map { "\($0)" } ?? "none")\n"
      + (signers + files).joined()
    identity = Hexadecimal.text(try HashContext.digest(.sha256, Array(text.utf8).span.bytes))
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
    var budget = ContentBudget(fileSize: check.fileSize)
    for object in check.descriptors where object.dataType == .partition && volumes.count < mostVolumes {
      guard let end = object.end, object.offset >= 0, end <= check.fileSize, object.size > 0 else { continue }
      let reader = EvidenceReader(storage, object.offset..<end)
      // What cannot be read is among the findings.
      let facts = try? VolumeFacts(reading: { (count: Int, offset: Int64) throws(SquashError) in
        budget.spend(Int64(count)) ? try reader.bytes(count, at: offset) : []
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
      for descriptor in image.descriptors { _ = try image.bytes(of: descriptor) }
      // Of an image that contradicts itself nothing is hashed.
      let isSound = image.integrityFault == nil
      for descriptor in image.descriptors where isSound {
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
