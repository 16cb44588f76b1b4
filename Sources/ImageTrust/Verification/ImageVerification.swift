import OpenPGP
public import SIF
public import SystemPackage

/// A question about an image: the keys that count, the signers who are required, and the objects that must be signed.
///
/// ```swift
/// var verification = ImageVerification(try TrustedKeys(contentsOf: "release.asc"))
/// verification.policy.isStrict = true
/// let report = try verification.report(on: image)
/// ```
public struct ImageVerification: Sendable {
  /// The keys whose signatures count.
  public var keys: TrustedKeys
  /// The policy on who must have signed.
  public var policy: VerificationPolicy
  /// The objects that must be signed; if it is empty, every group.
  public var selection: IntegritySelection
  /// Whether legacy signatures must cover every object, and not only the primary partition.
  public var includesAll = false
  /// The time at which signatures are judged.
  public var time: Timestamp
  /// How many threads hash objects; nil for one per processor.
  public var threads: Int?
  /// Keys from key servers. They count only for signers that the policy names.
  public var serverKeys = ServerKeys()

  /// A verification; by default it requires a valid signature by any of the keys over everything, judged now.
  public init(
    _ keys: TrustedKeys, policy: VerificationPolicy = VerificationPolicy(),
    selection: IntegritySelection = IntegritySelection(), at time: Timestamp = .now
  ) {
    self.keys = keys
    self.policy = policy
    self.selection = selection
    self.time = time
  }

  /// Verifies an open image, so that later steps use the same file.
  ///
  /// - Throws: ``IntegrityError`` if the image cannot be read or the selected objects do not exist; never for a
  ///   signature, nor for an incomplete image.
  public func report(on image: Image) throws(IntegrityError) -> VerificationReport {
    try ImageVerifier.verify(
      image, selection: selection(of: image), with: try verifiers(), policy: policy, threads: threads)
  }

  private func verifiers() throws(IntegrityError) -> [any MessageVerifier] {
    guard !serverKeys.isEmpty else { return keys.verifiers(at: time) }
    do throws(OpenPGPError) {
      return try keys.verifiers(at: time, besides: serverKeys, believing: policy.requiredSigners)
    } catch { throw .signer(error) }
  }

  /// The selection that was asked for. Legacy signatures often cover only the primary partition, so the runtimes verify
  /// only that unless told otherwise.
  private func selection(of image: Image) -> IntegritySelection {
    if policy.isLegacy, !includesAll, selection == IntegritySelection(),
      let primary = image.primarySystemPartition
    {
      return IntegritySelection(objects: [primary.id])
    }
    return selection
  }

  /// Refuses an open image unless the verdict is ok and covers an object.
  public func require(on image: Image, covering object: UInt32) throws(ImageRefusal) {
    let report: VerificationReport
    do { report = try self.report(on: image) } catch { throw .fault(error) }
    guard report.verdict == .ok else { throw .verdict(report.verdict, report.reasons) }
    guard report.objects.contains(where: { $0.id == object && !$0.signedBy.isEmpty }) else {
      throw .notCovered(object)
    }
  }
}

extension Image {
  /// Verifies the signatures of the image.
  ///
  /// ```swift
  /// let image = try Image(opening: "app.sif")
  /// let report = try image.verify(with: try TrustedKeys(contentsOf: "release.asc"))
  /// print(report.verdict)
  /// ```
  ///
  /// - Parameters:
  ///   - keys: the keys whose signatures count.
  ///   - policy: the policy on who must have signed; by default any of the keys.
  ///   - selection: the objects that must be signed; by default every group.
  /// - Throws: ``IntegrityError`` if the image cannot be read or the selected objects do not exist; never for a
  ///   signature, nor for an incomplete image.
  public func verify(
    with keys: TrustedKeys, policy: VerificationPolicy = VerificationPolicy(),
    selection: IntegritySelection = IntegritySelection()
  ) throws(IntegrityError) -> VerificationReport {
    try ImageVerification(keys, policy: policy, selection: selection).report(on: self)
  }
}

extension VerificationReport {
  /// The report on the image in a file. A file that is not a complete SIF image also gets one: its verdict is
  /// ``IntegrityVerdict/malformed``.
  ///
  /// - Parameter verify: verifies the image once it is open.
  /// - Throws: ``SIFError`` if the file cannot be read, and what `verify` throws.
  public init(onFileAt path: FilePath, _ verify: (Image) throws -> VerificationReport) throws {
    var storage: FileStorage?
    let image: Image
    do throws(SIFError) {
      let opened = try FileStorage(opening: path)
      storage = opened
      image = try Image(reading: opened)
    } catch {
      // Other failures tell nothing about the image.
      guard error.kind == .malformed else { throw error.naming(path) }
      self.init(of: storage, unreadable: error)
      return
    }
    self = try verify(image)
  }

  /// The report on the image in a file with its path as text.
  ///
  /// - Throws: ``SIFError`` if the file cannot be read, and what `verify` throws.
  public init(onFileAt path: String, _ verify: (Image) throws -> VerificationReport) throws {
    try self.init(onFileAt: FilePath(path), verify)
  }
}
