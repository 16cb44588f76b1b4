/// A field of one of the format's structures: where it lies in it, how long it is, and what messages call it.
package struct StructureField: Hashable, Sendable {
  /// Where the field begins, in bytes from the start of the structure.
  package let offset: Int64
  /// The length of the field in bytes.
  package let byteCount: Int64
  /// What messages call it.
  package let name: String

  /// The first field of a structure.
  init(_ name: String, _ byteCount: Int64) {
    offset = 0
    self.byteCount = byteCount
    self.name = name
  }

  /// A field that follows another without room between.
  init(after field: StructureField, _ name: String, _ byteCount: Int64) {
    offset = field.end
    self.byteCount = byteCount
    self.name = name
  }

  /// The first byte after the field.
  package var end: Int64 { offset + byteCount }
}
