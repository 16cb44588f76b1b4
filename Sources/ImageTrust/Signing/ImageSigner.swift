import Gcrypt
import LinuxSystem
public import SIF

/// Signs images.
public enum ImageSigner {
  /// Adds one signature for each group of a selection.
  ///
  /// All of them are made first, and then added in one step: other processes see all or none.
  ///
  /// - Parameters:
  ///   - editor: the image. Its own clock stamps the header and the new descriptors.
  ///   - signer: makes the messages.
  ///   - time: the time of signing that the messages state.
  ///   - threads: how many threads hash objects; nil for one per processor.
  /// - Returns: the descriptors of the signatures.
  @discardableResult
  public static func sign(
    _ editor: inout ImageEditor, with signer: borrowing some MessageSigner & ~Copyable,
    selection: IntegritySelection = IntegritySelection(), at time: Timestamp = .now, threads: Int? = nil
  ) throws(IntegrityError) -> [Descriptor] {
    let image = editor.image
    if let error = image.integrityFault ?? image.excessOfMessages { throw .image(error) }
    let groups = try image.signedGroups(selection)
    let algorithm = HashAlgorithm.sha256
    let digests = try ObjectDigests(
      image, groups.lazy.flatMap(\.objects).map { ($0, algorithm) }, threads: threads ?? Workers.processors())
    let header = try IntegrityDigest.of(image.header.integrityBytes, algorithm)
    var messages: [(group: UInt32, signed: SignedMessage)] = []
    for group in groups {
      var objects: [IntegrityMetadata.Object] = []
      for object in group.objects {
        let relativeID = object.id - group.smallestID
        guard let digest = digests[object.id, algorithm] else { continue }
        objects.append(
          IntegrityMetadata.Object(
            relativeID: relativeID,
            descriptorDigest: try .of(object.integrityBytes(relativeID: relativeID), algorithm),
            objectDigest: digest))
      }
      let text = IntegrityMetadata(headerDigest: header, objects: objects).encoded
      messages.append((group.group, try signer.sign(text, at: time)))
    }
    try Self.check(messages.map(\.signed), besides: image)
    return try reading { () throws(SIFError) in
      try editor.add(
        messages.map { message in
          (
            NewObject(
              .signature, metadata: .signature(message.signed.metadata), group: nil,
              link: .group(message.group)), message.signed.bytes
          )
        })
    }
  }

  /// Refuses messages that are too many or too long for a verifier.
  private static func check(_ messages: [SignedMessage], besides image: Image) throws(IntegrityError) {
    let old = image.objects(ofType: .signature)
    let total = old.reduce(0) { $0 + $1.size } + messages.reduce(0) { $0 + Int64($1.bytes.count) }
    let longest = messages.map { Int64($0.bytes.count) }.max() ?? 0
    var reason: String?
    if longest > ImageVerifier.maximumMessageBytes {
      reason =
        "the signature would have \(longest) bytes, and the limit is \(ImageVerifier.maximumMessageBytes)"
    } else if total > ImageVerifier.maximumBytes {
      reason =
        "the signatures would have \(total) bytes together, and the limit is \(ImageVerifier.maximumBytes)"
    } else if old.count + messages.count > ImageVerifier.mostSigners {
      reason =
        "the image would have \(old.count + messages.count) signatures, and the limit is \(ImageVerifier.mostSigners)"
    }
    if let reason { throw .image(SIFError(.limitExceeded, reason)) }
  }
}
