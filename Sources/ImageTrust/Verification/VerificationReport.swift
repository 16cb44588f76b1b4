public import Bytes
public import SIF

/// What the verification of an image came to.
public enum IntegrityVerdict: String, Sendable {
  /// Everything selected is validly signed as the policy asks.
  case ok
  /// Something selected is not signed.
  case unsigned
  /// No trusted or no required signer vouches for it.
  case untrusted
  /// A signature is bad, or what it covers was altered.
  case tampered
  /// The image is not whole or contradicts itself: what it says cannot be verified.
  case malformed
  /// No key was at hand to verify with.
  case noKey = "no-key"

  /// Whose fault it is; nil for ``ok``.
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

/// What one signature object is worth.
public struct SignatureResult: Sendable {
  /// The id of the signature object.
  public let id: UInt32
  /// The format of its message.
  public internal(set) var format: SignatureFormat
  /// Whether it belongs to what was to be verified. One that does not never counts, whatever it says.
  public internal(set) var isConsidered = false
  /// Everything that is wrong with it.
  public internal(set) var faults: [SignerFault] = []
  /// The signers in its message.
  public internal(set) var signers: [SignerVerdict] = []
  /// The group that it is linked to.
  public internal(set) var group: UInt32?
  /// The object that it is linked to, in old images.
  public internal(set) var linkedObject: UInt32?
  /// The objects that it covers and that are as they were signed, ascending. Empty where the signature itself
  /// is not good.
  public internal(set) var objects: [UInt32] = []
  /// The objects that a good signature covers and that are not as they were signed, ascending.
  public internal(set) var altered: [UInt32] = []

  /// The worst fault: damage before lack of trust before incompleteness; nil for a valid signature.
  public var fault: SignerFault? {
    faults.first { $0.kind == .damage } ?? faults.first { $0.kind == .trust } ?? faults.first
  }

  /// The result of a signature of which only the descriptor has been looked at.
  init(_ descriptor: Descriptor) {
    id = descriptor.id
    format = .unknown
    switch descriptor.link {
    case .group(let group): self.group = group
    case .object(let id): linkedObject = id
    case nil: break
    }
  }

  /// Whether it was considered and nothing is wrong with it.
  public var isValid: Bool { isConsidered && faults.isEmpty }

  /// The signers whose signatures in the message are valid.
  public var validSigners: [SignerVerdict] { signers.filter { $0.fault == nil } }
}

/// Who vouches for one object.
public struct ObjectResult: Sendable {
  /// The object's id.
  public let id: UInt32
  /// The identities (``SignerVerdict/identity``) whose valid signatures cover it, sorted, each once.
  public let signedBy: [String]
}

/// Bytes of the file that no valid signature covers and, where the policy is strict, that do not follow from what is
/// covered either.
public struct UncoveredRange: Hashable, Sendable {
  /// Where they begin in the file.
  public let offset: Int64
  /// How many they are.
  public let size: Int64
  /// What kind of bytes they are.
  public let kind: Kind
  /// What they are: `padding`, `unused descriptors`, `object 3`, …
  public let what: String

  /// What kind of bytes no signature covers.
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

/// What was found out about an image: every signature, every object, every byte outside of them.
public struct VerificationReport: Sendable {
  /// The outcome.
  public internal(set) var verdict: IntegrityVerdict
  /// Why the outcome is not ``IntegrityVerdict/ok``, as sentences.
  public internal(set) var reasons: [String]
  /// What is wrong with the image where the outcome is ``IntegrityVerdict/malformed``: the first such fault.
  public internal(set) var error: SIFError?
  /// Every signature object of the image, in the order of their descriptors.
  public internal(set) var signatures: [SignatureResult]
  /// Every object of the image that is no signature, in the order of their descriptors.
  public internal(set) var objects: [ObjectResult]
  /// What no valid signature covers, in the order of the file.
  public internal(set) var uncovered: [UncoveredRange]
}

extension VerificationReport {
  /// The report on an image that cannot be opened: what is known of it all the same.
  ///
  /// - Parameters:
  ///   - storage: where the image is; nil where not even its bytes can be read.
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

/// Who has to have signed what is verified.
public struct VerificationPolicy: Sendable {
  /// Fingerprints of keys or primary keys: each of them must have validly signed everything.
  public var requiredSigners: [String]
  /// How many different signers must each have validly signed everything.
  public var threshold: Int
  /// Whether any byte that is neither covered by a valid signature nor follows from what is covered makes the
  /// verdict ``IntegrityVerdict/unsigned``, and any structural error ``IntegrityVerdict/malformed``
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
