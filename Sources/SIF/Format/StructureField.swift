/// A field of one of the format's structures: its offset, its length, and its name in messages.
package struct StructureField: Hashable, Sendable {
  /// The offset of the field, in bytes from the start of the structure.
  package let offset: Int64
  /// The length of the field in bytes.
  package let byteCount: Int64
  /// The name in messages.
  package let name: String

  /// The first field of a structure.
  init(_ name: String, _ byteCount: Int64) {
    offset = 0
    self.byteCount = byteCount
    self.name = name
  }

  /// A field that directly follows another.
  init(after field: StructureField, _ name: String, _ byteCount: Int64) {
    offset = field.end
    self.byteCount = byteCount
    self.name = name
  }

  /// The first byte after the field.
  package var end: Int64 { offset + byteCount }
}
