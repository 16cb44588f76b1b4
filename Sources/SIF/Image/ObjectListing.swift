import Bytes

/// The table of `siftool list`, byte for byte the reference's. It holds numbers and words of the format, and no text of
/// an image.
package enum ObjectListing {
  private static let rule = String(repeating: "-", count: 78) + "\n"

  /// The table with its head, in the order of the descriptors.
  package static func text(of descriptors: [Descriptor]) -> [UInt8] {
    var lines = Array(
      (rule + line("ID", "|GROUP", "|LINK", "|SIF POSITION (start-end)", "|TYPE") + "\n" + rule).utf8)
    lines.reserveCapacity(lines.count + descriptors.count * 90)
    for descriptor in descriptors {
      lines.append(contentsOf: row(of: descriptor).utf8)
    }
    return lines
  }

  private static func line(_ id: String, _ group: String, _ link: String, _ position: String, _ type: String)
    -> String
  {
    "\(id.padded(to: 4)) \(group.padded(to: 8)) \(link.padded(to: 8)) \(position.padded(to: 26)) \(type)"
  }

  private static func row(of descriptor: Descriptor) -> String {
    let group = descriptor.group.map { "\($0)" } ?? "NONE"
    let link =
      switch descriptor.link {
      case .object(let id): "\(id)"
      case .group(let group): "\(group)".padded(to: 3) + " (G)"
      case nil: "NONE"
      }
    // An impossible extent wraps around, as in the reference; `check` reports it.
    let end = descriptor.offset &+ descriptor.size
    let position = "|\(descriptor.offset)-\(end) "
    return line("\(descriptor.id)", "|\(group)", "|\(link)", position, type(of: descriptor))
  }

  /// The last column with its line end. If the reference does not know a signature's hash type, it prints neither; so
  /// do we, and the fact is in `info`, `check` and the JSON.
  private static func type(of descriptor: Descriptor) -> String {
    let label = descriptor.dataType.label
    switch descriptor.metadata {
    case .partition(let partition):
      return
        "|\(label) (\(partition.fileSystem.label)/\(partition.type.label)/\(partition.architecture.name))\n"
    case .signature(let signature):
      return signature.hash.isKnown ? "|\(label) (\(signature.hash.label))\n" : ""
    case .cryptographicMessage(let message):
      return "|\(label) (\(message.format.label)/\(message.type.label))\n"
    case .sbom(let format): return "|\(label) (\(format.label))\n"
    case .none, .ociDigest: return "|\(label)\n"
    }
  }
}

extension Image {
  /// The table of objects as text, byte for byte as the reference's `siftool list` prints it.
  public var listing: String { String(decoding: ObjectListing.text(of: descriptors), as: UTF8.self) }
}
