import Bytes
import Gocryptfs
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
      let magic = object.isGocryptfs ? ContentMagic.squashfs : ContentMagic.luks
      // An object that is neither, or is not in the file, is already a finding.
      guard let bytes = try? bytes(of: object), try bytes.prefix(magic.count) == magic,
        budget.spend(min(object.size, Self.longestHeaders))
      else { continue }
      do {
        let found = try object.isGocryptfs ? judgeGocryptfs(object, keys) : judgeVolume(object, keys)
        findings += found.map { Self.finding($0, object) }
      } catch let fault as any Fault {
        guard fault is PartitionError || fault is GocryptfsError, fault.kind != .key else { throw fault }
        findings.append(Self.finding(fault, object))
      }
    }
    return findings
  }

  private func judgeVolume(_ object: Descriptor, _ keys: (any VolumeKeyProvider)?) throws -> [any Fault] {
    let partition = try EncryptedPartition(
      object, in: self, allowsAnyCipher: keys?.allowsAnyCipher ?? false)
    let cut: [any Fault] = partition.cut.map { [$0] } ?? []
    guard let keys else { return cut + (Self.cost(of: partition.header).map { [$0] } ?? []) }
    do { _ = try partition.unlock(with: keys).squashfs() } catch let fault as PartitionError {
      guard fault.kind != .key else { throw fault }
      return cut + [fault]
    }
    return cut
  }

  private func judgeGocryptfs(_ object: Descriptor, _ keys: (any VolumeKeyProvider)?) throws -> [any Fault] {
    let partition = try GocryptfsPartition(object, in: self)
    guard let keys else {
      do throws(GocryptfsError) { try partition.configuration.cost.check(available: .max) } catch {
        return [error]
      }
      return []
    }
    _ = try partition.unlock(with: keys).squashfs()
    return []
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
      .encryptedVolume, [.malformed, .tampered].contains(fault.kind) ? .error : .warning, at: object.offset,
      object: object.id,
      "object \(object.id), encrypted: \(fault.description)")
  }
}
