import StrictJSON

/// The object `inspect-metadata.json`: what `inspect` shows of an image (spec/build.md "The objects").
struct InspectMetadata<Files: InspectedFiles> {
  private let files: Files

  init(_ files: Files) { self.files = files }

  /// The document, as compact as the runtimes write it.
  func document() throws -> [UInt8] { InspectText.document(try attributes()) }

  /// The attributes in their order.
  func attributes() throws -> [JSONMember] {
    let own = ".singularity.d"
    var members: [JSONMember] = []
    var apps: [JSONMember] = []
    for name in try files.names(in: "scif/apps") {
      let app = String(decoding: name, as: UTF8.self)
      let directory = "scif/apps/\(app)/scif"
      guard try files.isDirectory(directory) else { continue }
      let variables = try environment(["\(directory)/env/90-environment.sh"])
      apps.append(
        JSONMember(
          app,
          .object(
            try Self.present([
              ("environment", variables), ("labels", labels("\(directory)/labels.json")),
              ("runscript", text("\(directory)/runscript")),
              ("startscript", text("\(directory)/startscript")),
              ("test", text("\(directory)/test")), ("helpfile", text("\(directory)/runscript.help")),
            ]))))
    }
    if !apps.isEmpty { members.append(JSONMember("apps", .object(apps))) }
    let scripts = try files.names(in: "\(own)/env").map { String(decoding: $0, as: UTF8.self) }.filter {
      $0.hasPrefix("10-docker") && $0.hasSuffix(".sh") || $0.hasPrefix("9") && $0.hasSuffix("-environment.sh")
    }
    members += try Self.present([
      ("environment", environment(scripts.map { "\(own)/env/\($0)" })),
      ("labels", labels("\(own)/labels.json")),
      ("runscript", text("\(own)/runscript")), ("test", text("\(own)/test")),
      ("helpfile", text("\(own)/runscript.help")), ("deffile", text("\(own)/Singularity")),
      ("startscript", text("\(own)/startscript")),
    ])
    return members
  }

  private static func present(_ all: [(String, JSONValue?)]) -> [JSONMember] {
    all.compactMap { name, value in value.map { JSONMember(name, $0) } }
  }

  /// A file's text without the newlines at its end; nil without a file, or for an empty one.
  private func text(_ path: String) throws -> JSONValue? { try files.read(path).flatMap(InspectText.value) }

  private func environment(_ paths: [String]) throws -> JSONValue? {
    let texts = try paths.compactMap { path in try text(path).map { JSONMember("/\(path)", $0) } }
    return texts.isEmpty ? nil : .object(texts)
  }

  private func labels(_ path: String) throws -> JSONValue? {
    guard let labels = try files.read(path).flatMap(BuildLabels.init(reading:)), !labels.values.isEmpty else {
      return nil
    }
    return .object(labels.members)
  }
}

/// Parts of the document.
enum InspectText {
  /// A document of attributes.
  static func document(_ attributes: [JSONMember]) -> [UInt8] { RuntimeJSON.compact(value(of: attributes)) }

  static func value(of attributes: [JSONMember]) -> JSONValue {
    ["data": ["attributes": .object(attributes)], "type": "container"]
  }

  /// A file's text without the newlines at its end; nil for an empty one.
  static func value(_ bytes: [UInt8]) -> JSONValue? {
    var rest = bytes[...]
    while rest.last == 0x0A { rest.removeLast() }
    return rest.isEmpty ? nil : .string(String(decoding: rest, as: UTF8.self))
  }
}
