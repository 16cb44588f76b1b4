extension ImageEditor {
  /// Overwrites some of an object's bytes in steps: all bytes of one step are on stable storage before the
  /// next begins. The caller chooses steps that are safe to interrupt. The object's length stays.
  ///
  /// - Parameters:
  ///   - id: the object.
  ///   - steps: offsets within the object, with the bytes that go there.
  /// - Throws: ``SIFError/Code/objectNotFound``; ``SIFError/Code/invalidArgument`` if a part reaches beyond
  ///   the object; ``SIFError/Code/malformed`` if other parts of the image use the same bytes.
  public mutating func overwrite(
    id: UInt32, steps: [[(offset: Int64, bytes: [UInt8])]]
  ) throws(SIFError) {
    let object = try image.object(id: id)
    try image.requireExclusive(object)
    _ = try image.bytes(of: object)
    for part in steps.joined() {
      guard part.offset >= 0, part.offset <= object.size, Int64(part.bytes.count) <= object.size - part.offset
      else {
        throw SIFError(.invalidArgument, "a part reaches beyond object \(id)", objectID: id)
      }
    }
    for step in steps {
      for part in step { try write(part.bytes, at: object.offset + part.offset) }
      try barrier()
    }
  }
}
