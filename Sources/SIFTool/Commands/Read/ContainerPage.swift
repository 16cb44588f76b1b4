import Bytes
import CommandKit
import OCI
import StrictJSON

/// The facts about an image of OCI or Docker that fill one page.
struct ContainerPage {
  private let image: OCIImage
  private let name: String

  init(_ image: OCIImage, named name: String) {
    self.image = image
    self.name = name
  }

  /// Writes the page as text.
  func write() throws(ToolFailure) {
    let config = image.config
    func words(_ words: [String]) -> String { words.map { "\"\($0.printable)\"" }.joined(separator: " ") }
    let fields: [(String, String?)] = [
      ("Image", name.printable), ("Manifest", image.descriptor.digest.description),
      ("Media type", image.manifest.mediaType?.printable),
      ("Platform", config.platform?.description.printable),
      ("Created", config.created?.printable), ("Entry point", words(config.entrypoint)),
      ("Command", words(config.command)),
      ("Directory", config.workingDirectory?.printable), ("User", config.user?.printable),
      ("Size", "\(ByteText.decimal(image.manifest.layerBytes)) (\(image.manifest.layerBytes) bytes)"),
    ]
    let shown = fields.filter { !($0.1 ?? "").isEmpty }.map { Field($0.0, $0.1 ?? "") }
    try Console.write(lines: FieldTable(fields: shown).lines(gap: 2))
    try Console.write(lines: ["", "Layers"])
    try Console.write(
      lines: image.manifest.layers.map { layer in
        "  \(layer.digest)  \(ByteText.decimal(layer.size).padded(to: 10)) \(layer.mediaType.prefix(160).printable)"
      })
    try write("Variables", config.environment.map { "  \($0.printable)" })
    let labels = config.labels.sorted { $0.key < $1.key }.map { Field($0.key.printable, $0.value.printable) }
    try write("Labels", labels.isEmpty ? [] : FieldTable(fields: labels).lines(indent: 2, gap: 2))
  }

  private func write(_ title: String, _ lines: [String]) throws(ToolFailure) {
    guard !lines.isEmpty else { return }
    try Console.write(lines: ["", title] + lines)
  }

  /// The same for a document.
  var members: [JSONMember] {
    let config = image.config
    func pairs(_ pairs: [String: String]) -> JSONValue {
      .object(pairs.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) })
    }
    let layers = image.manifest.layers.enumerated().map { index, layer -> JSONValue in
      [
        "digest": .string(layer.digest.description), "mediaType": .string(layer.mediaType),
        "size": .integer(layer.size),
        "diffID": index < config.diffIDs.count ? .string(config.diffIDs[index].description) : .null,
      ]
    }
    return [
      JSONMember("image", .string(name)),
      JSONMember("manifest", .string(image.descriptor.digest.description)),
      JSONMember("mediaType", image.manifest.mediaType.map { .string($0) } ?? .null),
      JSONMember("platform", config.platform.map { .string($0.description) } ?? .null),
      JSONMember("created", config.created.map { .string($0) } ?? .null),
      JSONMember("settings", config.settings),
      JSONMember("labels", pairs(config.labels)),
      JSONMember("annotations", pairs(image.manifest.annotations)),
      JSONMember("layers", .array(layers)), JSONMember("size", .integer(image.manifest.layerBytes)),
    ]
  }
}
