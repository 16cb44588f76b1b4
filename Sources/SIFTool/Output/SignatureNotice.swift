import Bytes
import CommandKit
import Partitions
import SIF

/// Tells people which signatures a change breaks.
///
/// A signature covers objects by their order in a group, their bytes, and most of their descriptors
/// (spec/signatures.md); offsets and times of change are not covered.
enum SignatureNotice {
  /// An object joined a group that is signed as a whole.
  static func groupChanged(_ group: UInt32, in image: Image, _ reporter: Reporter) {
    for signature in image.objects(linkedTo: .group(group)) where signature.dataType == .signature {
      reporter.warn(
        "signature \(signature.id) is over group \(group), which has a new object now: "
          + "it no longer verifies for the whole group")
    }
  }

  /// An object is gone or its descriptor changed.
  static func objectChanged(_ object: Descriptor, _ what: String, in image: Image, _ reporter: Reporter) {
    for signature in image.signatures(covering: object) where signature.id != object.id {
      reporter.warn("\(what): signature \(signature.id), which covers it, no longer verifies")
    }
  }

  /// Objects moved, and every signature stays valid.
  static func allHold(in image: Image, _ reporter: Reporter) {
    let signatures = image.objects(ofType: .signature).map(\.id)
    guard !signatures.isEmpty else { return }
    let subject =
      signatures.count == 1
      ? "signature \(signatures[0]) stays" : "signatures \(ByteText.ranges(signatures)) stay"
    reporter.note("\(subject) valid: the places of objects are not signed")
  }

  /// Says which signatures a new image does not get.
  static func dropped(_ rewrite: PartitionRewrite, _ reporter: Reporter) {
    for signature in rewrite.signatures {
      reporter.note(
        "dropped: signature \(signature.id), which is not valid for the changed partition "
          + "\(rewrite.partition.id)")
    }
  }
}
