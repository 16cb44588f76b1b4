import Bytes
public import SIF

/// What keeps anybody from saying what an image says, whoever signed it (spec/signatures.md, "Verification").
extension Image {
  /// The first reason why no signature says anything about the image: an object is not wholly there, two parts of the
  /// image share bytes, two objects have one id, or two partitions are both the primary one. Nil where there is none.
  public var integrityFault: SIFError? { firstFault?.error }

  /// The same, with whether it is that parts of the image share bytes. What is cut off may lie over others for that reason
  /// alone.
  var firstFault: (error: SIFError, isOfSharedBytes: Bool)? {
    if let incompleteObject { return (incompleteObject, false) }
    if let sharedBytes { return (sharedBytes, true) }
    return (duplicateID ?? secondPrimary).map { ($0, false) }
  }

  /// An object that is not wholly in the file.
  private var incompleteObject: SIFError? {
    for descriptor in descriptors {
      do throws(SIFError) { _ = try bytes(of: descriptor) } catch { return error }
    }
    return nil
  }

  /// Signatures speak of objects by their ids: with two of one id nobody knows which is meant.
  var duplicateID: SIFError? {
    let ids = descriptors.map(\.id).sorted()
    guard let place = ids.indices.dropFirst().first(where: { ids[$0] == ids[$0 - 1] }) else { return nil }
    return SIFError(.multipleObjects, "several objects have the id \(ids[place])", objectID: ids[place])
  }

  /// Messages of signatures that are more than are read.
  var excessOfMessages: SIFError? {
    var total: Int64 = 0
    for signature in descriptors where signature.dataType == .signature {
      // Longer ones are not read.
      guard (0...ImageVerifier.maximumMessageBytes).contains(signature.size) else { continue }
      total += signature.size
    }
    guard total > ImageVerifier.maximumBytes else { return nil }
    return SIFError(
      .limitExceeded,
      "the signatures have \(ByteText.decimal(total)) together: more than "
        + "\(ImageVerifier.maximumBytes >> 20) MiB are not read")
  }
}
