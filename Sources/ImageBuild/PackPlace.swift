import Bytes
import LUKS
import Partitions
import SIF
import Squash

/// The place where packing writes the squashfs of an image, and reads it back.
protocol PackPlace: RandomWritable {
  /// A reader of the squashfs, once it is written with so many bytes.
  func reader(_ byteCount: Int64) throws -> any RandomAccess
  /// The length of the object that holds a squashfs of so many bytes.
  func objectByteCount(_ byteCount: Int64) -> Int64
}

/// The object itself.
struct PlainPlace: PackPlace {
  let object: ObjectWriter

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try object.write(bytes, at: offset)
  }

  func reader(_ byteCount: Int64) -> any RandomAccess {
    Window(object, start: 0, byteCount: byteCount)
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
    // A squashfs fills whole sectors of any size, so that its length need not be known.
    volume = try key.makeVolume(options, payloadByteCount: 0)
    try volume.writeHeader(to: object)
    writer = try VolumeWriter(volume, to: object)
  }

  func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    try writer.write(bytes, at: offset)
  }

  func reader(_ byteCount: Int64) throws -> any RandomAccess {
    let source = Window(object, start: 0, byteCount: objectByteCount(byteCount))
    let header = try VolumeHeader(checking: source)
    return try VolumeReader(source, header, key: volume.key)
  }

  func objectByteCount(_ byteCount: Int64) -> Int64 { volume.header.facts.dataOffset + byteCount }
}
