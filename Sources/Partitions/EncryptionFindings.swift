import Bytes
import LUKS
public import SIF
import Squash

extension Image {
  /// The findings about encrypted partitions: about their headers, which need no key, and with a key about their
  /// contents.
  ///
  /// - Parameter keys: the keys; nil to check only the headers.
  /// - Throws: a fault of the kind ``FaultKind/key`` if keys were given and open nothing.
  public func encryptionFindings(with keys: (any VolumeKeyProvider)? = nil) throws -> [Finding] {
    var findings: [Finding] = []
    var budget = ContentBudget(fileSize: fileSize)
    for object in descriptors where object.isEncryptedSquashfs {
      // An object that is not a volume, or is not in the file, is already a finding.
      guard let bytes = try? bytes(of: object),
        try bytes.prefix(ContentMagic.luks.count) == ContentMagic.luks,
        budget.spend(min(object.size, Self.longestHeaders))
      else { continue }
      do {
        let partition = try EncryptedPartition(
          object, in: self, allowsAnyCipher: keys?.allowsAnyCipher ?? false)
        if let cut = partition.cut { findings.append(Self.finding(cut, object)) }
        if let keys {
          _ = try partition.unlock(with: keys).squashfs()
        } else if let costly = Self.cost(of: partition.header) {
          findings.append(Self.finding(costly, object))
        }
      } catch let fault as PartitionError {
        guard fault.kind != .key else { throw fault }
        findings.append(Self.finding(fault, object))
      }
    }
    return findings
  }

  /// The fault of a volume that is too costly to open by default; nil if it is not. The memory of this machine does not
  /// count: it is not a fact about the image.
  private static func cost(of header: VolumeHeader) -> LUKSError? {
    do throws(LUKSError) { try header.cost.check(available: .max) } catch { return error }
    return nil
  }

  /// Two copies of a header, in bytes.
  private static let longestHeaders: Int64 = 8 << 20

  private static func finding(_ fault: any Fault, _ object: Descriptor) -> Finding {
    // Damaged contents are lost, while other versions may read what this one refuses.
    Finding(
      .encryptedVolume, fault.kind == .malformed ? .error : .warning, at: object.offset, object: object.id,
      "object \(object.id), encrypted: \(fault.description)")
  }
}
