import LUKS
import SIF
import StrictJSON

/// A header that can be read is written back unchanged.
@Sendable func fuzzHeader(_ bytes: [UInt8]) {
  guard let header = try? Header(decoding: bytes.span.bytes) else { return }
  if header.encoded() != Array(bytes.prefix(Header.byteCount)) { fatalError("the header changed") }
  _ = (
    header.createdAt.referenceText, header.modifiedAt.iso8601, header.launchScript.escapedText, header.id.text
  )
}

/// Any 585 bytes are a descriptor, which is written back unchanged.
@Sendable func fuzzDescriptor(_ bytes: [UInt8]) {
  guard bytes.count >= Descriptor.byteCount else { return }
  let descriptor = Descriptor(decoding: bytes.span.bytes, slot: 0)
  if descriptor.encoded() != Array(bytes.prefix(Descriptor.byteCount)) {
    fatalError("the descriptor changed")
  }
  _ = (descriptor.metadata.encoded, descriptor.link, descriptor.end, descriptor.name.escapedText)
}

/// All operations on an image. Reading never changes it.
@Sendable func fuzzImage(_ bytes: [UInt8]) {
  let storage = MemoryStorage(bytes, limit: 1 << 20)
  _ = try? ImageCheck(of: storage)
  guard let image = try? Image(reading: storage) else { return }
  for descriptor in image.descriptors.prefix(64) {
    _ = try? image.bytes(of: descriptor).prefix(256)
    _ = image.signatures(covering: descriptor)
  }
  _ = try? image.differences(from: image)
  try? ImageRewriter(image).compact(into: MemoryStorage(limit: 1 << 20))
  try? ImageRewriter(image).grow(
    toCapacity: max(image.header.descriptorsTotal, 0) &+ 3, into: MemoryStorage(limit: 1 << 20))
  if storage.bytes != bytes { fatalError("reading changed the image") }
  edit(storage, image)
}

private func edit(_ storage: MemoryStorage, _ image: Image) {
  guard var editor = try? ImageEditor(editing: storage) else { return }
  _ = try? editor.repairCounters()
  var source = BytesSource([1, 2, 3])
  _ = try? editor.add(NewObject(.ociBlob, alignment: 64), from: &source)
  for descriptor in image.descriptors.prefix(3) {
    try? editor.setPrimaryPartition(id: descriptor.id)
    try? editor.delete(id: descriptor.id, options: [.zero, .compact])
  }
  // An edited image can always be read again.
  if (try? Image(reading: storage)) == nil { fatalError("the edited image cannot be read") }
}

/// The header of a LUKS volume.
@Sendable func fuzzVolumeFacts(_ bytes: [UInt8]) {
  _ = VolumeFacts { (count: Int, offset: Int64) -> [UInt8] in
    Array(bytes.dropFirst(Int(offset)).prefix(count))
  }
}

/// JSON that can be read is written as text with the same value.
@Sendable func fuzzJSON(_ bytes: [UInt8]) {
  guard let value = try? JSONParser.parse(bytes, limits: JSONLimits(keepsDuplicateKeys: true)) else { return }
  let again = try? JSONParser.parse(JSONWriter.compact(value), limits: JSONLimits(keepsDuplicateKeys: true))
  if again != value { fatalError("the value changed") }
}
