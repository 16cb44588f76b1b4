public import Bytes
public import ImageTrust
public import Partitions
public import SIF
import Squash

/// Everything that a report says about an image, gathered without writing to it.
public struct Examination {
  /// The contents of one partition.
  public struct Partition {
    /// The object's id.
    public let object: UInt32
    /// Its remarkable files; nil if they cannot be read.
    public let files: FileStatistics?
    /// Why they cannot be read.
    public let fault: (any Fault)?

    init(object: UInt32, files: FileStatistics? = nil, fault: (any Fault)? = nil) {
      self.object = object
      self.files = files
      self.fault = fault
    }
  }

  /// The most partitions that are examined.
  private static let mostPartitions = 64

  /// The length of the file in bytes.
  public let size: Int64
  /// The SHA-256 of the file before and after everything else; nil if it could not be computed.
  public let digests: (before: [UInt8]?, after: [UInt8]?)
  /// When the examination began; nil if no time is to be recorded.
  public let time: Timestamp?
  /// When the file was last changed.
  public let fileTime: Timestamp
  /// The owner of every byte.
  public let map: ImageMap
  /// The structural faults.
  public let findings: [Finding]
  /// The bytes that lie where no object is.
  public let carving: Carving
  /// The report on the signatures; nil without keys.
  public let verification: VerificationReport?
  /// The image, as far as it can be read.
  public let lenient: LenientImage
  /// The image, if it can be opened.
  public let image: Image?
  /// The partitions, in the order of the table.
  public let partitions: [Partition]
  /// Texts from inside the primary partition, for those that no object holds.
  public let inner: InnerTexts
  /// The object with environment variables.
  public let environment: [UInt8]?
  /// Times that cannot be right.
  public let implausible: [ImplausibleTime]
  /// Whether the file changed while it was examined.
  public let hasChanged: Bool

  /// Examines an image.
  ///
  /// - Parameters:
  ///   - time: when the examination begins; nil to record no time.
  ///   - keys: the keys of encrypted partitions; nil without any.
  ///   - progress: called with numbers of bytes; the file's length passes three times.
  ///   - verify: verifies the signatures; returns nil without keys.
  /// - Throws: ``SIFError`` or ``SystemError`` where the file cannot be read; what `verify` throws.
  public init(
    of storage: FileStorage, at time: Timestamp?, keys: (any VolumeKeyProvider)?,
    progress: @escaping @Sendable (Int64) -> Void, verify: () throws -> VerificationReport?
  ) throws {
    self.time = time
    let state = try FileState(of: storage)
    size = try storage.byteCount
    fileTime = state.changeTime
    let before = try StorageDigest.sha256(of: storage, progress: progress)
    verification = try verify()
    map = try ImageMap(of: storage, verification: verification, progress: progress)
    findings = try ImageCheck(of: storage).findings
    carving = try Carving(of: storage)
    lenient = try LenientImage(reading: storage)
    let image = try? Image(reading: storage)
    self.image = image
    let contents = image.map { OpenedPartitions($0, keys) }
    var budget = ContentBudget(fileSize: size)
    partitions =
      contents.map { contents in
        contents.image.objects(ofType: .partition).prefix(Self.mostPartitions).map { object in
          budget.spend(object.size) ? contents.examine(object, now: time) : Self.sharing(object)
        }
      } ?? []
    inner = InnerTexts(contents)
    environment = image.flatMap { InnerTexts.object(of: $0, .environmentVariables) }
    implausible = ImplausibleTime.all(in: lenient.header, lenient.descriptors, now: time)
    let after = try StorageDigest.sha256(of: storage, progress: progress)
    digests = (before, after)
    hasChanged = try before != after || FileState(of: storage) != state
  }

  /// A partition that is not examined, because too many others have the same bytes.
  private static func sharing(_ object: Descriptor) -> Partition {
    Partition(
      object: object.id, fault: SIFError(.malformed, "it shares its bytes with too many others"))
  }
}

/// The bytes of partitions as file systems: encrypted ones only with keys.
final class OpenedPartitions {
  let image: Image
  private let keys: (any VolumeKeyProvider)?
  /// Opened volumes, by the object's id: deriving a key takes long.
  private var opened: [UInt32: Result<any RandomAccess, any Error>] = [:]

  init(_ image: Image, _ keys: (any VolumeKeyProvider)?) {
    self.image = image
    self.keys = keys
  }

  /// A reader of a partition's file system.
  ///
  /// - Throws: a ``Fault`` with a reason for people where it cannot be read.
  func reader(of object: Descriptor) throws -> any RandomAccess {
    let bytes = try image.bytes(of: object)
    if object.isEncryptedSquashfs {
      guard let keys else {
        throw PartitionError(.encrypted, "it is encrypted, and no key was given")
      }
      let volume = opened[object.id] ?? Result { try open(object, keys) }
      opened[object.id] = volume
      return try volume.get()
    }
    guard try bytes.prefix(ContentMagic.squashfs.count) == ContentMagic.squashfs else {
      throw PartitionError(.notSquashfs, "it is not a squashfs")
    }
    return bytes
  }

  private func open(_ object: Descriptor, _ keys: any VolumeKeyProvider) throws -> any RandomAccess {
    try image.unlock(object, with: keys)
      .contents
  }

  func examine(_ object: Descriptor, now: Timestamp?) -> Examination.Partition {
    do {
      return Examination.Partition(
        object: object.id, files: try FileStatistics(try reader(of: object), now: now))
    } catch let fault as any Fault {
      return Examination.Partition(object: object.id, fault: fault)
    } catch {
      return Examination.Partition(object: object.id, fault: SIFError(.system, "\(error)"))
    }
  }
}
