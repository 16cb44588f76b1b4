extension Image {
  /// The ids of the objects that a signature says it is over; nothing is verified.
  ///
  /// - Parameter verifiers: what opens the messages; they need no keys.
  /// - Returns: nil where the message cannot be read, or says nothing of single objects as old ones do.
  public func objectsStated(
    by signature: Descriptor, using verifiers: [any MessageVerifier]
  ) -> Set<UInt32>? {
    guard case .group(let group) = signature.link, signature.size <= ImageVerifier.maximumMessageBytes,
      let message = try? bytes(of: signature).prefix(Int(ImageVerifier.maximumMessageBytes)),
      let text = verifiers.first(where: { $0.recognizes(message) })?.open(message).text,
      let metadata = try? IntegrityMetadata(reading: text),
      let smallest = objects(inGroup: group).map(\.id).min()
    else { return nil }
    return Set(metadata.objects.map { smallest &+ $0.relativeID })
  }
}
