import Bytes
public import Gcrypt
public import ImageTrust
public import Partitions
public import SIF
import Squash

/// The requirements that images are verified against.
public struct ScanPolicy: Sendable {
  /// The keys whose signatures count, judged at the time when the policy was made.
  let verifiers: [any MessageVerifier]
  /// The signers that are required.
  public let policy: VerificationPolicy
  /// The most bytes to hash for one image; nil for a reasonable limit.
  public let limit: Int64?
  /// The identity of the policy: hexadecimal digits (spec/timeline.md, "Scan records").
  public let identity: String

  /// A policy.
  ///
  /// - Parameters:
  ///   - keys: the keys whose signatures count, with the digests of their files.
  ///   - policy: the signers that are required.
  ///   - limit: the most bytes to hash for one image; nil for a reasonable limit.
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

/// All results of a scan for one image.
public struct ImageExamination: Sendable {
  /// The result of verification.
  public enum Verification: Sendable {
    /// A report.
    case report(VerificationReport)
    /// The image is damaged, so there is nothing to verify.
    case malformed(SIFError)
    /// It was not verified, for this reason.
    case skipped(String)
  }

  /// The header, if there is one.
  public let header: Header?
  /// The objects whose descriptors could be read.
  public let descriptors: [Descriptor]
  /// The findings of the check.
  public let findings: [Finding]
  /// The facts of encrypted objects, by their ids.
  public let volumes: [(object: UInt32, facts: EncryptionFacts)]
  /// The result of verification.
  public let verification: Verification

  /// The most encrypted partitions that are examined.
  private static let mostVolumes = 64

  /// Examines an image. Faults of the image are part of the result.
  ///
  /// - Throws: ``SIFError/Code/system`` if it cannot be read.
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
  ) throws(SIFError) -> [(object: UInt32, facts: EncryptionFacts)] {
    var volumes: [(object: UInt32, facts: EncryptionFacts)] = []
    var budget = ContentBudget(fileSize: check.fileSize)
    for object in check.descriptors where object.dataType == .partition && volumes.count < mostVolumes {
      guard let end = object.end, object.offset >= 0, end <= check.fileSize, object.size > 0 else { continue }
      let reader = Window(storage, object.offset..<end)
      // Unreadable parts are among the findings.
      if let facts = try? EncryptionFacts(of: object, in: reader, &budget) {
        volumes.append((object.id, facts))
      }
    }
    return volumes
  }

  private static func verify(_ found: FoundImage, _ policy: ScanPolicy) throws(SIFError) -> Verification {
    do throws(SIFError) {
      let image = try Image(reading: found.storage)
      var budget = HashBudget(bytesOnDisk: try found.storage.bytesOnDisk())
      if let limit = policy.limit { budget = HashBudget(limit: limit) }
      for descriptor in image.descriptors { _ = try image.bytes(of: descriptor) }
      // An image that contradicts itself is not hashed.
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
