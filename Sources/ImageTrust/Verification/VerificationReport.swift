public import Bytes
public import SIF

/// The outcome of the verification of an image.
public enum IntegrityVerdict: String, Sendable {
  /// Everything selected is validly signed, and the policy is met.
  case ok
  /// Something selected is not signed.
  case unsigned
  /// No trusted or no required signer vouches for it.
  case untrusted
  /// A signature is bad, or something that it covers was altered.
  case tampered
  /// The image is incomplete or contradicts itself, so that it cannot be verified.
  case malformed
  /// No key was available to verify with.
  case noKey = "no-key"

  /// The kind of fault; nil for ``ok``.
  public var faultKind: FaultKind? {
    switch self {
    case .ok: nil
    case .unsigned: .notSigned
    case .untrusted: .untrusted
    case .tampered: .tampered
    case .malformed: .malformed
    case .noKey: .key
    }
  }
}

/// The format of the message in a signature object.
public enum SignatureFormat: Hashable, Sendable, CustomStringConvertible {
  /// The format of a verifier (``MessageVerifier/format``): `openpgp`, `dsse`.
  case named(String)
  /// A signature of an old runtime, over the digest of objects' bytes alone.
  case legacy
  /// The message could not be opened, or is in no format that a verifier knows.
  case unknown

  /// The word for it in reports.
  public var description: String {
    switch self {
    case .named(let name): name
    case .legacy: "legacy"
    case .unknown: "unknown"
    }
  }
}

/// The result for one signature object.
public struct SignatureResult: Sendable {
  /// The id of the signature object.
  public let id: UInt32
  /// The format of its message.
  public internal(set) var format: SignatureFormat
  /// Whether the question was about it. If not, it never counts.
  public internal(set) var isConsidered = false
  /// All its faults.
  public internal(set) var faults: [SignerFault] = []
  /// The signers in its message.
  public internal(set) var signers: [SignerVerdict] = []
  /// The group that it is linked to.
  public internal(set) var group: UInt32?
  /// The object that it is linked to, in old images.
  public internal(set) var linkedObject: UInt32?
  /// The objects that it covers and that are unchanged since signing, ascending. Empty if the signature itself is not
  /// good.
  public internal(set) var objects: [UInt32] = []
  /// The objects that a good signature covers and that were altered since signing, ascending.
  public internal(set) var altered: [UInt32] = []

  /// The worst fault: damage before lack of trust before incompleteness; nil for a valid signature.
  public var fault: SignerFault? {
    faults.first { $0.kind == .damage } ?? faults.first { $0.kind == .trust } ?? faults.first
  }

  /// The result of a signature of which only the descriptor was read.
  init(_ descriptor: Descriptor) {
    id = descriptor.id
    format = .unknown
    switch descriptor.link {
    case .group(let group): self.group = group
    case .object(let id): linkedObject = id
    case nil: break
    }
  }

  /// Whether it was considered and has no faults.
  public var isValid: Bool { isConsidered && faults.isEmpty }

  /// The signers whose signatures in the message are valid.
  public var validSigners: [SignerVerdict] { signers.filter { $0.fault == nil } }
}

/// The signers who vouch for one object.
public struct ObjectResult: Sendable {
  /// The object's id.
  public let id: UInt32
  /// The identities (``SignerVerdict/identity``) whose valid signatures cover it, sorted, each once.
  public let signedBy: [String]
}

/// Bytes of the file that no valid signature covers and, if the policy is strict, that do not follow from covered bytes
/// either.
public struct UncoveredRange: Hashable, Sendable {
  /// The offset of the first byte in the file.
  public let offset: Int64
  /// The number of bytes.
  public let size: Int64
  /// The kind of the bytes.
  public let kind: Kind
  /// A name for the bytes: `padding`, `unused descriptors`, `object 3`, …
  public let what: String

  /// The kinds of bytes that no signature covers.
  public enum Kind: Hashable, Sendable {
    /// A structure of the format, or fields of it.
    case structure
    /// Room between structures.
    case padding
    /// Slots of the descriptor table that describe nothing.
    case unusedDescriptors
    /// Bytes after the last structure.
    case afterData
  }

  /// A structure of the format, or fields of it.
  init(offset: Int64, size: Int64, what: String) {
    self.offset = offset
    self.size = size
    kind = .structure
    self.what = what
  }

  /// Bytes that belong to no structure.
  init(offset: Int64, size: Int64, _ kind: Kind) {
    self.offset = offset
    self.size = size
    self.kind = kind
    what =
      switch kind {
      case .structure: "structure"
      case .padding: "padding"
      case .unusedDescriptors: "unused descriptors"
      case .afterData: "behind the data"
      }
  }
}

/// The results of verifying an image: every signature, every object, and every byte that is not covered.
public struct VerificationReport: Sendable {
  /// The outcome.
  public internal(set) var verdict: IntegrityVerdict
  /// The reasons why the outcome is not ``IntegrityVerdict/ok``, as sentences.
  public internal(set) var reasons: [String]
  /// The first fault of the image if the outcome is ``IntegrityVerdict/malformed``.
  public internal(set) var error: SIFError?
  /// Every signature object of the image, in the order of their descriptors.
  public internal(set) var signatures: [SignatureResult]
  /// Every object of the image that is not a signature, in the order of their descriptors.
  public internal(set) var objects: [ObjectResult]
  /// The bytes that no valid signature covers, in the order of the file.
  public internal(set) var uncovered: [UncoveredRange]
}

extension VerificationReport {
  /// The report on an image that cannot be opened, with the objects that are still known.
  ///
  /// - Parameters:
  ///   - storage: where the image is; nil if not even its bytes can be read.
  ///   - error: why it cannot be opened.
  public init(of storage: (any Storage)?, unreadable error: SIFError) {
    self.init(verdict: .malformed, reasons: [error.message], signatures: [], objects: [], uncovered: [])
    self.error = error
    guard let storage, let check = try? ImageCheck(of: storage) else { return }
    for descriptor in check.descriptors {
      if descriptor.dataType == .signature {
        signatures.append(SignatureResult(descriptor))
      } else {
        objects.append(ObjectResult(id: descriptor.id, signedBy: []))
      }
    }
    uncovered = [UncoveredRange(offset: 0, size: check.fileSize, what: "file")]
  }
}

/// The policy on who must have signed.
public struct VerificationPolicy: Sendable {
  /// Fingerprints of keys or primary keys: each of them must have validly signed everything.
  public var requiredSigners: [String]
  /// The number of different signers who must each have validly signed everything.
  public var threshold: Int
  /// Whether the verdict is ``IntegrityVerdict/unsigned`` for a byte that is neither covered by a valid signature nor
  /// follows from covered ones, and ``IntegrityVerdict/malformed`` for a structural error
  /// (spec/signatures.md, "Strict verification").
  public var isStrict: Bool
  /// Whether only legacy signatures count. They cover neither header nor descriptors.
  public var isLegacy: Bool

  /// A policy; by default one valid signature of any known key over everything.
  public init(
    requiredSigners: [String] = [], threshold: Int = 1, isStrict: Bool = false, isLegacy: Bool = false
  ) {
    self.requiredSigners = requiredSigners
    self.threshold = threshold
    self.isStrict = isStrict
    self.isLegacy = isLegacy
  }
}
