import Bytes
public import SIF

/// Faults that make an image ambiguous or incomplete, so that no signature counts (spec/signatures.md, "Verification").
extension Image {
  /// The first reason why no signature counts: an object is incomplete, two parts of the image share bytes, two objects
  /// have one id, or two partitions are both the primary one. Nil if there is none.
  public var integrityFault: SIFError? { firstFault?.error }

  /// The same fault, with whether it is shared bytes. An object that is cut off may overlap others for that reason
  /// alone.
  var firstFault: (error: SIFError, isOfSharedBytes: Bool)? {
    if let incompleteObject { return (incompleteObject, false) }
    if let sharedBytes { return (sharedBytes, true) }
    return (duplicateID ?? secondPrimary).map { ($0, false) }
  }

  /// The fault of an object that the file does not hold completely.
  private var incompleteObject: SIFError? {
    for descriptor in descriptors {
      do throws(SIFError) { _ = try bytes(of: descriptor) } catch { return error }
    }
    return nil
  }

  /// The fault of two objects with one id: signatures name objects by ids, which then are ambiguous.
  var duplicateID: SIFError? {
    let ids = descriptors.map(\.id).sorted()
    guard let place = ids.indices.dropFirst().first(where: { ids[$0] == ids[$0 - 1] }) else { return nil }
    return SIFError(.multipleObjects, "several objects have the id \(ids[place])", objectID: ids[place])
  }

  /// The fault of signatures whose messages are too long to be read.
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
      "the signatures have \(ByteText.decimal(total)) together, and the limit is "
        + "\(ImageVerifier.maximumBytes >> 20) MiB")
  }
}
