/// The conditions for changing an image in place.
extension Image {
  /// Refuses an image whose header, descriptor table and objects share bytes: writing one would destroy
  /// another.
  func validateForEditing() throws(SIFError) {
    guard table.offset >= Int64(Header.byteCount) else {
      throw SIFError(
        .malformed,
        "the descriptor table begins at byte \(table.offset), inside the global header: not edited",
        offset: Header.Fields.descriptorsOffset.offset)
    }
    // New data would begin inside the table, or after a hole that no object explains.
    guard header.dataOffset >= table.end, header.dataOffset <= max(fileSize, table.end) else {
      throw SIFError(
        .malformed,
        "the header's data offset, \(header.dataOffset), is not between the end of the descriptor table at "
          + "\(table.end) and the end of the file at \(fileSize): not edited",
        offset: Header.Fields.dataOffset.offset)
    }
    for descriptor in descriptors {
      guard let end = descriptor.end, descriptor.size > 0 else { continue }
      let inTable = descriptor.offset < table.end && end > table.offset
      if inTable || descriptor.offset < Header.byteCount {
        throw SIFError(
          .malformed,
          "object \(descriptor.id) and the \(inTable ? "descriptor table" : "global header") share bytes: not edited",
          offset: descriptor.offset, objectID: descriptor.id)
      }
    }
  }

  /// Refuses to lengthen a file that does not hold every object to its end: the missing bytes would turn into
  /// zeros, and nobody could tell any more that they were missing.
  func requireWholeObjects(_ reason: String) throws(SIFError) {
    for descriptor in descriptors where descriptor.size > 0 {
      guard let end = descriptor.end, end <= fileSize else {
        throw SIFError(
          .truncated,
          "object \(descriptor.id) is truncated: \(reason): not edited",
          offset: fileSize, objectID: descriptor.id)
      }
    }
  }

  /// Refuses to put data at an `offset` before the end of the header and the descriptor table.
  func requireDataArea(from offset: Int64) throws(SIFError) {
    guard offset >= max(table.end, Int64(Header.byteCount)) else {
      throw SIFError(
        .malformed,
        "a new object would begin at byte \(offset), before the end of the descriptor table at "
          + "byte \(table.end): not edited", offset: Header.Fields.dataOffset.offset)
    }
  }

  /// Refuses an object whose bytes also belong to the header, the table, or another object.
  func requireExclusive(_ descriptor: Descriptor) throws(SIFError) {
    guard let end = descriptor.end else {
      throw SIFError(
        .malformed, "object \(descriptor.id) has an impossible extent: nothing was zeroed",
        objectID: descriptor.id)
    }
    guard descriptor.size > 0 else { return }
    try requireDataArea(from: descriptor.offset)
    for other in descriptors where other.slot != descriptor.slot && other.size > 0 {
      if let otherEnd = other.end, other.offset < end, otherEnd > descriptor.offset {
        throw SIFError(
          .malformed, "objects \(descriptor.id) and \(other.id) share bytes: nothing was zeroed",
          offset: max(descriptor.offset, other.offset), objectID: descriptor.id)
      }
    }
  }
}
