import Bytes
public import SIF
import Squash
public import StrictJSON

/// Definition file, labels and environment as runtimes keep them inside the primary partition
/// (spec/runtime-layout.md).
public struct InnerTexts: Sendable {
  /// The definition file.
  public private(set) var definition: [UInt8]?
  /// The labels.
  public private(set) var labels: [JSONMember] = []
  /// Scripts that set the environment: name and text.
  public private(set) var environment: [(name: [UInt8], text: [UInt8])] = []

  /// The longest text that is shown, in bytes, and the most scripts.
  private static let longest: Int64 = 256 << 10
  private static let mostScripts = 32

  init(_ contents: OpenedPartitions?) {
    guard let contents, contents.image.secondPrimary == nil,
      let primary = contents.image.primarySystemPartition,
      let bytes = try? contents.reader(of: primary), let squash = try? SquashImage(bytes),
      let reader = try? SquashReader(squash)
    else { return }
    definition = Self.text("/.singularity.d/Singularity", reader)
    let text = Self.text("/.singularity.d/labels.json", reader)
    labels =
      text.flatMap { try? JSONParser.parse($0, limits: JSONLimits(keepsDuplicateKeys: true)) }?.members ?? []
    guard let folder = try? reader.lookup(Array("/.singularity.d/env".utf8)) else { return }
    var walker = TreeWalker(reader, from: folder)
    while environment.count < Self.mostScripts, let event = try? walker.next() {
      guard case .entry(let entry) = event, entry.inode.type == .regular else { continue }
      if let text = Self.text(entry.inode, reader), !text.isEmpty { environment.append((entry.name, text)) }
    }
  }

  private static func text(_ path: String, _ reader: SquashReader) -> [UInt8]? {
    (try? reader.lookup(Array(path.utf8))).flatMap { text($0.inode, reader) }
  }

  private static func text(_ inode: Squash.Inode, _ reader: SquashReader) -> [UInt8]? {
    guard let layout = inode.layout, layout.size <= longest else { return nil }
    var text: [UInt8] = []
    do {
      try reader.read(layout) { (_, bytes) throws(SquashError) in text += bytes }
    } catch {
      return nil
    }
    return text
  }

  /// The text of the object of a type that belongs to the primary partition; nil if there is none, or if it is too
  /// long.
  public static func object(of image: Image, _ type: DataType) -> [UInt8]? {
    guard let object = image.companion(ofType: type), object.size <= longest else { return nil }
    return try? image.bytes(of: object).prefix(Int(object.size))
  }
}
