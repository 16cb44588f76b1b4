import CommandKit
import LUKS
import PEMKeys
import SIF
import Squash

/// The findings about encrypted partitions: of their headers, which no key is needed for, and with a key of what
/// they hold.
enum EncryptionCheck {
  /// Judges every encrypted partition of an image.
  ///
  /// - Parameter key: what opens them; nil for headers alone.
  /// - Throws: ``ToolFailure`` where a key was given and opens nothing.
  static func findings(of image: Image, _ key: VolumeKeySource?) throws -> [Finding] {
    var findings: [Finding] = []
    var budget = ContentBudget(fileSize: image.fileSize)
    for object in image.descriptors where object.isEncryptedSquashfs {
      // What is no volume at all is a finding already, and so is an object that the file does not hold.
      guard let bytes = try? image.bytes(of: object), try bytes.prefix(6) == luksMagic,
        budget.spend(min(object.size, longestHeaders))
      else { continue }
      do {
        let partition = try EncryptedPartition(
          object, in: image, allowsAnyCipher: key?.allowsAnyCipher ?? false)
        if let cut = SquashfsExtent.cut(partition.header) { findings.append(finding(cut, object)) }
        if let key {
          findings += try content(of: try partition.open(with: key, in: image), object)
        } else if let costly = cost(of: partition.header) {
          findings.append(finding(costly, object))
        }
      } catch let failure as ToolFailure {
        guard failure.status != .key else { throw failure }
        findings.append(finding(failure, object))
      }
    }
    return findings
  }

  /// Why nobody opens the volume without being told to; nil where that costs little. What this machine has of memory
  /// is no fact of the image.
  private static func cost(of header: VolumeHeader) -> ToolFailure? {
    do throws(LUKSError) { try header.cost.check(available: .max) } catch { return ToolFailure(error) }
    return nil
  }

  /// Two copies of a header, in bytes.
  private static let longestHeaders: Int64 = 8 << 20
  private static let luksMagic: [UInt8] = [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE]

  /// Judges what a partition holds.
  private static func content(
    of opened: EncryptedPartition.Opened, _ object: Descriptor
  ) throws -> [Finding] {
    do throws(SquashError) {
      let reader: VolumeReader
      do throws(LUKSError) {
        reader = try VolumeReader(
          opened.partition.volume, opened.partition.header, key: opened.unlocked.key)
      } catch { throw SquashError(error) }
      _ = try SquashImage(DecryptingReader(reader: reader))
      return []
    } catch {
      return [finding(ToolFailure(error), object)]
    }
  }

  private static func finding(_ failure: ToolFailure, _ object: Descriptor) -> Finding {
    // What is damaged is lost; what this version refuses others may read.
    Finding(
      .encryptedVolume, failure.status == .malformed ? .error : .warning, at: object.offset,
      object: object.id,
      "object \(object.id), encrypted: \(failure.message)")
  }
}
