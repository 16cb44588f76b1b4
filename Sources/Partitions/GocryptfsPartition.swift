import Bytes
import Gcrypt
public import Gocryptfs
public import SIF
import Squash

/// A partition with a squashfs of two files: a configuration of gocryptfs, which has been checked, and another squashfs,
/// encrypted with it (spec/encryption.md, "Partitions of gocryptfs").
public struct GocryptfsPartition: Sendable {
  /// Its descriptor.
  public let object: Descriptor
  /// The image that it is in.
  public let image: Image
  /// How the file is encrypted.
  public var configuration: Configuration { files.configuration }
  private let bytes: ObjectReader
  private let files: GocryptfsFiles

  /// Finds the files of a partition, and checks the configuration.
  ///
  /// - Throws: ``SIFError`` if the image does not hold its bytes; ``PartitionError`` around a ``SquashError`` or a
  ///   ``GocryptfsError`` if the files are missing, faulty or not supported.
  public init(_ object: Descriptor, in image: Image) throws {
    self.object = object
    self.image = image
    bytes = try image.bytes(of: object)
    do { files = try GocryptfsFiles(in: bytes) } catch let fault as any Fault {
      throw PartitionError(fault, object: object.id, countedFrom: fault is SquashError ? 0 : nil)
    }
  }

  /// Unlocks the partition with the first of the keys that fits.
  ///
  /// - Throws: ``GocryptfsError/Code/wrongKey`` if none does; ``GocryptfsError/Code/cost``, in a ``PartitionError``, if
  ///   deriving the keys costs more than is allowed; what the provider throws.
  public func unlock(with keys: some VolumeKeyProvider) throws -> OpenedPartition {
    let cost = configuration.cost
    let (key, candidate) = try keys.open(object, in: image, cost: cost.description) { count in
      do throws(GocryptfsError) { try cost.check(keys: count) } catch {
        throw PartitionError(error, object: object.id, countedFrom: nil)
      }
    } _: { candidate in
      (try unlock(candidate.key), candidate)
    }
    do throws(GocryptfsError) {
      return OpenedPartition(bytes, of: object, try FileReader(files.encrypted, key: key), candidate)
    } catch { throw PartitionError(error, object: object.id, countedFrom: nil) }
  }

  private func unlock(_ key: borrowing SecureBytes) throws(GocryptfsError) -> ContentKey {
    try configuration.unlock(key.span)
  }
}

/// The files in a partition of gocryptfs.
struct GocryptfsFiles: Sendable {
  let configuration: Configuration
  /// The name of the encrypted file.
  let name: [UInt8]
  let encrypted: SquashFile

  /// Finds the files. Names may be encrypted, so the encrypted file is the one that is neither the configuration nor a
  /// part of names.
  ///
  /// - Throws: ``SquashError``, ``GocryptfsError``; ``PartitionError/Code/notGocryptfs`` if there are other files.
  init(in partition: any RandomAccess) throws {
    let squash = try SquashImage(partition)
    let reader = try SquashReader(squash)
    guard var listing = DirectoryListing(try reader.root()) else {
      throw PartitionError(.notGocryptfs, "its root is not a directory")
    }
    var found: [(name: [UInt8], layout: FileLayout)] = []
    while let listed = try listing.next(reader) {
      if listed.name == Array(Configuration.namesVector.utf8) { continue }
      guard let layout = try reader.inode(of: listed).layout else {
        throw Self.fault("\(listed.name.escapedName), which is not a regular file")
      }
      // No more than it takes to know that there are too many.
      guard found.count < 2 else { throw Self.fault("more than two files") }
      found.append((listed.name, layout))
    }
    let name = Array(Configuration.name.utf8)
    guard let conf = found.first(where: { $0.name == name }) else {
      throw Self.fault("no \(Configuration.name)")
    }
    guard let file = found.first(where: { $0.name != name }) else { throw Self.fault("no encrypted file") }
    guard conf.layout.size <= Configuration.longest else {
      throw GocryptfsError(
        .configuration,
        "\(Configuration.name) has \(conf.layout.size) bytes, and \(Configuration.longest) are the limit")
    }
    let text: [UInt8]
    do throws(StorageFault) {
      text = try SquashFile(squash, conf.layout).read(Int(conf.layout.size), at: 0)
    } catch {
      throw error.underlying ?? error
    }
    configuration = try Configuration(reading: text)
    self.name = file.name
    encrypted = SquashFile(squash, file.layout)
  }

  private static func fault(_ what: String) -> PartitionError {
    PartitionError(
      .notGocryptfs,
      "the partition's type promises a squashfs with \(Configuration.name) and one encrypted file, but it has \(what)"
    )
  }
}
