public import Bytes

/// The reason why a partition was not chosen, opened or made.
///
/// Faults of the formats beneath are thrown as they are, or wrapped in this one if they are about one object.
public struct PartitionError: Fault {
  /// The kind of fault.
  public enum Code: Sendable {
    /// The image has no partition.
    case noPartition
    /// The image has several partitions, and none of them is the primary one.
    case severalPartitions
    /// The object is not a partition.
    case notPartition
    /// The partition holds another file system, which is never mounted or read.
    case otherFileSystem
    /// The partition's bytes are not a squashfs, with any type in its descriptor.
    case notSquashfs
    /// The partition does not hold the files of gocryptfs that its type promises.
    case notGocryptfs
    /// The keys of this kind of encryption cannot be changed in place.
    case fixedKeys
    /// The file is a file system or volume of its own, without an image around it.
    case notImage
    /// The partition is not encrypted.
    case notEncrypted
    /// The partition is encrypted already.
    case alreadyEncrypted
    /// The squashfs or the volume ends too early.
    case truncated
    /// No cryptographic message belongs to the partition, so no RSA key opens it.
    case noMessage
    /// None of the keys opens the partition.
    case wrongKey
    /// A key is empty, or missing.
    case noKey
    /// The partition is encrypted, and no key was given.
    case encrypted
    /// A fault of a format, about one object.
    case beneath
  }

  /// The kind of fault.
  public let code: Code
  /// One sentence, without a final stop.
  public let description: String
  /// The partition, if the fault is about one.
  public let objectID: UInt32?
  /// The byte of the file, if the fault beneath names one.
  public let offset: Int64?
  /// The fault of the format beneath.
  public let underlying: (any Fault)?

  /// A fault of its kind.
  public init(_ code: Code, _ description: String, object: UInt32? = nil) {
    self.code = code
    self.description = description
    objectID = object
    offset = nil
    underlying = nil
  }

  /// A format's fault that is about one object.
  ///
  /// - Parameter origin: the byte of the file that the fault's own offset counts from: the partition's first one for
  ///   faults of a volume, nil if the file does not hold the bytes as they are.
  public init(_ fault: any Fault, object: UInt32?, countedFrom origin: Int64? = 0) {
    code = .beneath
    description = fault.description
    objectID = object
    if let origin, let (place, overflow) = fault.offset?.addingReportingOverflow(origin), !overflow {
      offset = place
    } else {
      offset = nil
    }
    underlying = fault
  }

  /// A stable word for scripts.
  public var identifier: String {
    switch code {
    case .noPartition: "object-not-found"
    case .severalPartitions: "several-partitions"
    case .notPartition: "not-a-partition"
    case .otherFileSystem, .notSquashfs, .notImage: "not-squashfs"
    case .notGocryptfs: "not-gocryptfs"
    case .fixedKeys: "fixed-keys"
    case .notEncrypted: "not-encrypted"
    case .alreadyEncrypted: "already-encrypted"
    case .truncated: "truncated"
    case .noMessage: "no-message"
    case .wrongKey: "wrong-key"
    case .noKey: "no-key"
    case .encrypted: "encrypted"
    case .beneath: underlying?.identifier ?? "partition"
    }
  }

  /// The kind of fault for exit codes.
  public var kind: FaultKind {
    switch code {
    case .notSquashfs, .notGocryptfs, .truncated: .malformed
    case .noMessage, .wrongKey, .noKey, .encrypted: .key
    case .noPartition, .severalPartitions, .notPartition, .otherFileSystem, .notImage, .notEncrypted,
      .alreadyEncrypted, .fixedKeys:
      .other
    case .beneath: underlying?.kind ?? .other
    }
  }
}
