import Bytes
import Definition
import LinuxSystem
import OCI
import SIF

/// What a stage adds to its tree after `%post`: help, labels, the definition file, variables and scripts (spec/build.md "What a
/// build writes").
struct StageFinish {
  let stage: DefinitionFile.Stage
  /// The definition file, which the image keeps.
  let definition: [UInt8]
  let files: TreeFiles
  let settings: BuildSettings
  let tell: @Sendable (BuildEvent) -> Void

  private static let own = ".singularity.d"
  private static let postLabels = ".build.labels"

  func add() throws {
    try addHelp()
    try addLabels()
    try addDefinition()
    if settings.obeys("environment"), let text = stage.text(of: .environment) { try addEnvironment(text) }
    try addScript(.startscript, "startscript")
    try addScript(.runscript, "runscript")
    try addScript(.test, "test")
  }

  private func addHelp() throws {
    guard settings.obeys("help"), let text = stage.text(of: .help) else { return }
    let path = "\(Self.own)/runscript.help"
    if try files.has(path), !settings.overwritesLabels {
      return tell(.note("the help of the base stays: --force replaces it by %help"))
    }
    try files.write(path, text + [0x0A], mode: 0o644)
  }

  // MARK: Labels

  private func addLabels() throws {
    let path = "\(Self.own)/labels.json"
    var labels = BuildLabels()
    if let text = try files.read(path) {
      if let found = BuildLabels(reading: text) {
        labels = found
      } else if text != Array("null".utf8) {
        tell(.note("the labels of the base are no labels, and are replaced"))
      }
    }
    if let text = try files.read(Self.postLabels) {
      for line in DefinitionLine.lines(text) { set(line, in: &labels, isStrict: false) }
      try files.remove(Self.postLabels)
    }
    addOwn(to: &labels)
    if settings.obeys("labels") {
      for line in stage.lines(of: .labels) { set(line, in: &labels, isStrict: !settings.overwritesLabels) }
    }
    try files.write(path, labels.document, mode: 0o644)
  }

  private func set(_ line: DefinitionLine, in labels: inout BuildLabels, isStrict: Bool) {
    guard let label = DefinitionFile.Label(line) else { return }
    let name = String(decoding: label.name, as: UTF8.self)
    if isStrict, labels.values[name] != nil {
      return tell(
        .note(
          "line \(line.number): the base has the label \(name.printable), which stays: --force replaces it"))
    }
    labels.set(name, String(decoding: label.value, as: UTF8.self))
  }

  /// The labels that every build writes.
  private func addOwn(to labels: inout BuildLabels) {
    let prefix = "org.label-schema"
    labels.set("\(prefix).schema-version", "1.0")
    if let date = RuntimeParts.buildDate(settings.clock) { labels.set("\(prefix).build-date", date) }
    labels.set(
      "\(prefix).build-arch", settings.architecture?.name ?? OCIPlatform.host.architecture)
    labels.set("\(prefix).usage.\(settings.program.name).version", settings.program.version)
    if (try? files.has("\(Self.own)/runscript.help")) ?? false {
      let path = "/\(Self.own)/runscript.help"
      labels.set("\(prefix).usage", path)
      labels.set("\(prefix).usage.singularity.runscript.help", path)
    }
    for (keyword, value) in stage.header {
      labels.set("\(prefix).usage.singularity.deffile.\(keyword)", value.text)
    }
  }

  // MARK: Files

  private func addDefinition() throws {
    let path = "\(Self.own)/Singularity"
    if let old = try files.read(path) {
      let history = "\(Self.own)/bootstrap_history"
      try files.makeDirectory(history)
      try files.write("\(history)/Singularity\(try files.names(in: history).count)", old, mode: 0o644)
    }
    try files.write(path, definition, mode: 0o644)
  }

  /// `%environment` comes behind what the base's script says.
  private func addEnvironment(_ text: [UInt8]) throws {
    let path = "\(Self.own)/env/90-environment.sh"
    let old = try files.read(path) ?? Array("#!/bin/sh\n".utf8)
    try files.write(path, old + [0x0A] + text + [0x0A], mode: 0o755)
  }

  /// A script of the image: the section's text behind a line that says what runs it.
  private func addScript(_ kind: DefinitionFile.Section.Kind, _ name: String) throws {
    guard settings.obeys(name), let text = stage.text(of: kind) else { return }
    var first = Array("#!/bin/sh".utf8)
    var body = text[...]
    let start = text.drop { $0 == 0x0A || $0 == 0x20 || $0 == 0x09 }
    if start.starts(with: [0x23, 0x21]) {
      first = Array(start.prefix { $0 != 0x0A })
      while first.last == 0x20 || first.last == 0x09 { first.removeLast() }
      body = start.drop { $0 != 0x0A }.dropFirst()
    }
    let words = stage.words(of: kind)
    if !words.isEmpty { first += [0x20] + Array(words.joined(separator: [0x20])) }
    try files.write("\(Self.own)/\(name)", first + [0x0A, 0x0A] + Array(body) + [0x0A], mode: 0o755)
  }
}

extension DefinitionFile.Stage {
  /// The words at the head of a section of a kind, without a comment.
  func words(of kind: DefinitionFile.Section.Kind) -> [[UInt8]] {
    arguments(of: kind).prefix { $0 != 0x23 }.split { $0 == 0x20 || $0 == 0x09 }.map(Array.init)
  }
}
