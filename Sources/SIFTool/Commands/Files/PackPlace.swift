import LUKS
import SIF
import Squash

/// Where packing writes the squashfs of an image, and reads it back.
protocol PackPlace: RandomAccessWriter {
  /// The squashfs of that many bytes, once it is written.
  func reader(_ byteCount: Int64) throws -> any RandomAccessReader
  /// How long the object is that holds a squashfs of that many bytes.
  func objectByteCount(_ byteCount: Int64) -> Int64
}

/// The object itself.
struct PlainPlace: PackPlace {
  let object: ObjectWriter

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SquashError) {
    do { try object.write(bytes.bytes, at: offset) } catch { throw SquashError(error) }
  }

  func reader(_ byteCount: Int64) -> any RandomAccessReader {
    PartitionReader(object.storage, offset: object.offset, byteCount: byteCount)
  }

  func objectByteCount(_ byteCount: Int64) -> Int64 { byteCount }
}

/// A volume in the object, encrypted as it is written.
struct EncryptedPlace: PackPlace {
  private let object: ObjectWriter
  private let volume: NewVolume
  private let writer: VolumeWriter

  init(_ object: ObjectWriter, _ key: NewVolumeKey, _ options: FormatOptions) throws {
    self.object = object
    // The squashfs is whole sectors of any size: its length need not be known.
    volume = try key.makeVolume(options, payloadByteCount: 0)
    // Whatever is read back was written before, so that the end of what is there need not be known either.
    let target = PartitionVolume(storage: object.storage, offset: object.offset, byteCount: .max)
    try volume.writeHeader(to: target)
    writer = try VolumeWriter(volume, to: target)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SquashError) {
    do { try writer.write(bytes, at: offset) } catch { throw SquashError(error) }
  }

  func reader(_ byteCount: Int64) throws -> any RandomAccessReader {
    let source = PartitionVolume(
      storage: object.storage, offset: object.offset, byteCount: objectByteCount(byteCount))
    let header = try VolumeHeader(checking: source)
    return DecryptingReader(reader: try VolumeReader(source, header, key: volume.key))
  }

  func objectByteCount(_ byteCount: Int64) -> Int64 { volume.header.facts.dataOffset + byteCount }
}
