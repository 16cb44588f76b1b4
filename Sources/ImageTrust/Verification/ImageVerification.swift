public import SIF
public import SystemPackage

/// What is asked about an image: whose signatures count, who has to have signed, and what.
///
/// ```swift
/// var verification = ImageVerification(try TrustedKeys(contentsOf: "release.asc"))
/// verification.policy.isStrict = true
/// let report = try verification.report(on: image)
/// ```
public struct ImageVerification: Sendable {
  /// The keys whose signatures count.
  public var keys: TrustedKeys
  /// Who has to have signed.
  public var policy: VerificationPolicy
  /// What has to be signed: every group where it is empty.
  public var selection: IntegritySelection
  /// Whether legacy signatures have to cover more than the primary partition.
  public var includesAll = false
  /// The time of judging.
  public var time: Timestamp
  /// How many threads may hash objects; nil for one each processor.
  public var threads: Int?

  /// A verification; by default one valid signature of any of the keys over everything, judged now.
  public init(
    _ keys: TrustedKeys, policy: VerificationPolicy = VerificationPolicy(),
    selection: IntegritySelection = IntegritySelection(), at time: Timestamp = .now
  ) {
    self.keys = keys
    self.policy = policy
    self.selection = selection
    self.time = time
  }

  /// Verifies an image that is open: whatever is done with it afterwards is done with the same file.
  ///
  /// - Throws: ``IntegrityError`` where the image cannot be read or the selection is of nothing; never for a
  ///   signature, nor for an image that is not whole.
  public func report(on image: Image) throws(IntegrityError) -> VerificationReport {
    try ImageVerifier.verify(
      image, selection: selection(of: image), with: keys.verifiers(at: time), policy: policy,
      threads: threads)
  }

  /// What was asked for. Legacy signatures commonly cover the primary partition alone: so the runtimes look at
  /// nothing else unless told to.
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
  /// let image = try Image(reading: try FileStorage(opening: "app.sif"))
  /// let report = try image.verify(with: try TrustedKeys(contentsOf: "release.asc"))
  /// print(report.verdict)
  /// ```
  ///
  /// - Parameters:
  ///   - keys: the keys whose signatures count.
  ///   - policy: who has to have signed; by default any of the keys.
  ///   - selection: what has to be signed; by default every group.
  /// - Throws: ``IntegrityError`` where the image cannot be read or the selection is of nothing; never for a
  ///   signature, nor for an image that is not whole.
  public func verify(
    with keys: TrustedKeys, policy: VerificationPolicy = VerificationPolicy(),
    selection: IntegritySelection = IntegritySelection()
  ) throws(IntegrityError) -> VerificationReport {
    try ImageVerification(keys, policy: policy, selection: selection).report(on: self)
  }
}

extension VerificationReport {
  /// The report on the image in a file. A file that is no whole SIF image gets one, too: its verdict is
  /// ``IntegrityVerdict/malformed``.
  ///
  /// - Parameter verify: verifies the image when it is open.
  /// - Throws: ``SIFError`` where the file cannot be read, and what `verify` throws.
  public init(onFileAt path: FilePath, _ verify: (Image) throws -> VerificationReport) throws {
    var storage: FileStorage?
    let image: Image
    do throws(SIFError) {
      let opened = try FileStorage(opening: path)
      storage = opened
      image = try Image(reading: opened)
    } catch {
      // What fails otherwise says nothing of the image.
      guard error.kind == .malformed else { throw error.naming(path) }
      self.init(of: storage, unreadable: error)
      return
    }
    self = try verify(image)
  }

  /// The report on the image in a file with its path as text.
  ///
  /// - Throws: ``SIFError`` where the file cannot be read, and what `verify` throws.
  public init(onFileAt path: String, _ verify: (Image) throws -> VerificationReport) throws {
    try self.init(onFileAt: FilePath(path), verify)
  }
}
