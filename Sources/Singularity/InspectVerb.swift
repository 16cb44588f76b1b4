import CommandKit
import ImageBuild
import StrictJSON
import SystemPackage

extension Verb {
  /// `inspect`, which prints what the runtimes print.
  static let inspect: Verb = {
    var verb = Verb("inspect", "IMAGE", "Show labels, scripts and apps of an image", .own(InspectVerb.run))
    verb.operands = 1...1
    verb.options =
      "all app= d/deffile e/environment H/helpfile j/json l/labels list-apps r/runscript s/startscript t/test"
    return verb
  }()

  /// `apps`, which old runtimes had.
  static let apps: Verb = {
    var verb = Verb(
      "apps", "IMAGE", "List the apps of an image",
      .own { reading, name in
        var reading = reading
        reading.options.append((OptionTable.Option("list-apps"), nil))
        try InspectVerb.run(reading, name)
      })
    verb.operands = 1...1
    verb.options = ""
    return verb
  }()
}

private enum InspectVerb {
  /// The texts in the order of the output, by the options that ask for them.
  private static let texts = ["deffile", "runscript", "startscript", "test", "helpfile"]

  static func run(_ reading: RuntimeGrammar.Reading, _ name: RuntimeName) throws {
    var asked: Set<String> = []
    var app: String?
    for (option, value) in reading.options {
      if option.name == "app" {
        app = value
      } else if value == "false" {
        asked.remove(option.name)
      } else {
        asked.insert(option.name)
      }
    }
    let printsJSON = asked.remove("json") != nil
    let document = try InspectDocument(of: FilePath(reading.operands[0])).attributes
    if asked.contains("all") { return try write(document) }
    if asked.isEmpty { asked = ["labels"] }
    let apps = document.first { $0.key == "apps" }?.value
    var shown: [JSONMember] = []
    var members = document
    if asked.contains("list-apps"), let apps { shown.append(JSONMember("apps", apps)) }
    if let app { members = apps?[app]?.members ?? [] }
    let chosen = members.filter { asked.contains($0.key) }
    guard printsJSON else { return try Console.write(raw: text(shown.isEmpty ? nil : apps, chosen)) }
    if let app {
      if !chosen.isEmpty { shown = [JSONMember("apps", .object([JSONMember(app, .object(chosen))]))] }
    } else {
      shown += chosen
    }
    try write(shown)
  }

  private static func write(_ attributes: [JSONMember]) throws {
    try Console.write(raw: InspectDocument.text(of: attributes) + [0x0A])
  }

  /// The texts as they are: an image's words go to whoever asked for them, as with `cat`.
  private static func text(_ apps: JSONValue?, _ members: [JSONMember]) -> [UInt8] {
    func value(_ key: String) -> JSONValue? { members.first { $0.key == key }?.value }
    var output = (apps?.members ?? []).map(\.key).sorted().map { "\($0)\n" }.joined()
    for key in texts { if let text = value(key)?.text { output += text + "\n" } }
    for script in (value("environment")?.members ?? []).sorted(by: { $0.key < $1.key }) {
      output += "=== \(script.key) ===\n\(script.value.text ?? "")\n\n"
    }
    for label in (value("labels")?.members ?? []).sorted(by: {
      $0.key.utf8.lexicographicallyPrecedes($1.key.utf8)
    }) {
      output += "\(label.key): \(label.value.text ?? "")\n"
    }
    return Array(output.utf8)
  }
}
