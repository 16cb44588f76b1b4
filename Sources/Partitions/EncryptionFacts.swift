public import Bytes
public import Gocryptfs
public import LUKS
public import SIF

/// The facts about an encrypted partition that can be read without a key. They are claims of its author.
public enum EncryptionFacts: Sendable, Equatable {
  /// It begins with the header of a LUKS volume.
  case luks(VolumeFacts)
  /// It is a squashfs with a file that gocryptfs encrypts.
  case gocryptfs(GocryptfsFacts)

  /// Reads the facts of a partition.
  ///
  /// - Parameters:
  ///   - object: its descriptor. A LUKS volume is recognised by its first bytes, whatever the descriptor says.
  ///   - bytes: its bytes.
  ///   - budget: pays for the bytes that are read; once it is spent, nothing is read.
  /// - Returns: nil if it is not encrypted, or its header cannot be understood.
  public init?(
    of object: Descriptor, in bytes: any RandomAccess, _ budget: inout ContentBudget
  ) throws(StorageFault) {
    if object.isGocryptfs {
      guard budget.spend(min(object.size, Self.longestTables)), let files = try? GocryptfsFiles(in: bytes)
      else {
        return nil
      }
      self = .gocryptfs(GocryptfsFacts(files))
      return
    }
    let facts = try VolumeFacts(reading: { (count: Int, offset: Int64) throws(StorageFault) in
      budget.spend(Int64(count)) ? try bytes.read(count, at: offset) : []
    })
    guard let facts else { return nil }
    self = .luks(facts)
  }

  /// More than the tables of a squashfs with two files have, in bytes.
  private static let longestTables: Int64 = 1 << 20
}

/// The facts about a squashfs with a file that gocryptfs encrypts.
public struct GocryptfsFacts: Sendable, Equatable {
  /// How the file is encrypted.
  public let configuration: Configuration
  /// The name of the encrypted file.
  public let fileName: [UInt8]
  /// The length of the encrypted file in bytes.
  public let fileByteCount: Int64

  init(_ files: GocryptfsFiles) {
    configuration = files.configuration
    fileName = files.name
    fileByteCount = files.encrypted.byteCount
  }

  init(_ configuration: Configuration, fileName: [UInt8], fileByteCount: Int64) {
    self.configuration = configuration
    self.fileName = fileName
    self.fileByteCount = fileByteCount
  }
}

extension Image {
  /// The facts about the encryption of a partition; nil for any other object, or one without a header.
  ///
  /// - Parameter budget: pays for the bytes that are read; once it is spent, nothing is read.
  public func encryptionFacts(
    of object: Descriptor, _ budget: inout ContentBudget
  ) throws(StorageFault) -> EncryptionFacts? {
    guard object.dataType == .partition, let reader = try? bytes(of: object) else { return nil }
    return try EncryptionFacts(of: object, in: reader, &budget)
  }
}
