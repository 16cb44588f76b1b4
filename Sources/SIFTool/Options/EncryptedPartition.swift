import CommandKit
import Gcrypt
import LUKS
import SIF
import Squash

/// A range of an image's file as a volume.
struct PartitionVolume: VolumeTarget {
  let storage: any Storage
  let offset: Int64
  let byteCount: Int64

  func read(into buffer: UnsafeMutableRawBufferPointer, at position: Int64) throws(LUKSError) -> Int {
    do {
      return try storage.read(into: buffer, at: position, ofWindowAt: offset, byteCount: byteCount)
    } catch { throw LUKSError(error) }
  }

  func write(_ bytes: UnsafeRawBufferPointer, at position: Int64) throws(LUKSError) {
    do { try storage.write(bytes.bytes, at: offset + position) } catch { throw LUKSError(error) }
  }
}

/// An encrypted partition with its header, checked.
struct EncryptedPartition {
  let object: Descriptor
  let volume: PartitionVolume
  let header: VolumeHeader

  /// Reads the header of a partition.
  init(_ object: Descriptor, in image: Image, allowsAnyCipher: Bool) throws {
    self.object = object
    let bytes = try image.bytes(of: object)
    volume = PartitionVolume(storage: image.storage, offset: bytes.offset, byteCount: bytes.byteCount)
    do {
      header = try VolumeHeader(checking: volume, allowsAnyCipher: allowsAnyCipher)
    } catch {
      var failure = ToolFailure(error)
      failure.objectID = object.id
      throw failure
    }
  }

  /// What a key opened.
  struct Opened {
    let partition: EncryptedPartition
    let unlocked: VolumeHeader.Unlocked
    let candidate: VolumeKeyCandidate

    /// The payload, decrypted on the fly.
    func reader() throws -> VolumeReader {
      try VolumeReader(partition.volume, partition.header, key: unlocked.key)
    }

    /// The payload, where it begins as a squashfs does: whatever the header says, the key is the right one.
    ///
    /// - Parameter isWhole: whether to refuse also what is not there to its end.
    func squashfsReader(isWhole: Bool = false) throws -> VolumeReader {
      let reader = try reader()
      var head = [UInt8](repeating: 0, count: SquashfsExtent.headByteCount)
      let count = try head.withUnsafeMutableBytes { try reader.read(into: $0, at: 0) }
      guard count >= 4, head.starts(with: SquashfsExtent.magic) else {
        throw ToolFailure(.malformed, code: "not-squashfs", "what is encrypted is no squashfs")
      }
      if isWhole {
        try SquashfsExtent.check(Array(head[..<count]), present: reader.byteCount)
        if let failure = SquashfsExtent.cut(partition.header) { throw failure }
      }
      return reader
    }
  }

  /// Opens the partition with the first of the keys that fits, after saying what that costs.
  func open(with source: VolumeKeySource, in image: Image) throws -> Opened {
    // Before a passphrase is asked for, and again when it is known how many keys there are to try.
    try checkCost(source, keys: 1)
    let candidates = try source.candidates(object, in: image)
    try checkCost(source, keys: candidates.count)
    source.reporter.note("opening partition \(object.id): \(header.cost.description)")
    var last: LUKSError?
    for candidate in candidates {
      do throws(LUKSError) {
        let unlocked = try unlock(candidate.key)
        return Opened(partition: self, unlocked: unlocked, candidate: candidate)
      } catch {
        guard error.code == .wrongKey else { throw error }
        last = error
      }
    }
    throw last ?? LUKSError(.wrongKey, "no key was given")
  }

  private func checkCost(_ source: VolumeKeySource, keys: Int) throws {
    if source.allowsAnyCost { return }
    do { try header.cost.check(keys: keys) } catch {
      var failure = ToolFailure(error)
      failure.objectID = object.id
      throw failure
    }
  }

  private func unlock(_ key: borrowing SecureBytes) throws(LUKSError) -> VolumeHeader.Unlocked {
    try header.unlock(key.span, in: volume)
  }
}

/// The decrypted view of a volume as a reader of squashfs.
struct DecryptingReader: RandomAccessReader {
  let reader: VolumeReader

  var byteCount: Int64 { reader.byteCount }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(SquashError) -> Int {
    do { return try reader.read(into: buffer, at: offset) } catch { throw SquashError(error) }
  }
}

extension LUKSError {
  /// A failure of the image's storage.
  init(_ error: SIFError) {
    self.init(
      error.code == .system ? .system : .truncated, error.message, errno: error.system?.errno.rawValue)
  }
}

extension SquashError {
  /// A failure of the volume beneath.
  init(_ error: LUKSError) {
    self.init(error.code == .system ? .system : .truncated, error.message, errno: error.errno)
  }
}
