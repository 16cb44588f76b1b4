public import SIF

extension Image {
  /// The signatures that a change of objects breaks, by the objects that the signatures state; nothing is verified. A
  /// signature whose message cannot be read, or does not name objects, as in old ones, counts as broken.
  ///
  /// - Parameters:
  ///   - changed: the objects.
  ///   - verifiers: open the messages; they need no keys.
  /// - Throws: ``SIFError/Code/malformed`` if parts of the image share bytes, ``SIFError/Code/limitExceeded`` if
  ///   there are more messages than are read.
  public func signatures(
    brokenBy changed: [Descriptor], using verifiers: [any MessageVerifier] = TrustedKeys().verifiers()
  ) throws(SIFError) -> [Descriptor] {
    if let fault = firstFault, fault.isOfSharedBytes { throw fault.error }
    if let excessOfMessages { throw excessOfMessages }
    let ids = Set(changed.map(\.id))
    var smallest: [UInt32: UInt32] = [:]
    for group in Set(changed.compactMap(\.group)) { smallest[group] = .max }
    for object in descriptors {
      if let group = object.group, let id = smallest[group] { smallest[group] = min(id, object.id) }
    }
    return objects(ofType: .signature).filter { signature in
      switch signature.link {
      case .object(let id): return ids.contains(id)
      case .group(let group):
        guard let smallest = smallest[group] else { return false }
        // A signature over part of a group stays valid while those objects are unchanged.
        guard let stated = relativeIDs(statedBy: signature, using: verifiers) else { return true }
        return stated.contains { ids.contains(smallest &+ $0) }
      case nil: return false
      }
    }
  }

  private func relativeIDs(
    statedBy signature: Descriptor, using verifiers: [any MessageVerifier]
  ) -> [UInt32]? {
    guard signature.size <= ImageVerifier.maximumMessageBytes,
      let message = try? bytes(of: signature).prefix(Int(ImageVerifier.maximumMessageBytes)),
      let text = verifiers.first(where: { $0.recognizes(message) })?.open(message).text,
      let metadata = try? IntegrityMetadata(reading: text)
    else { return nil }
    return metadata.objects.map(\.relativeID)
  }
}
