import Definition

/// A definition file, and its templates.
@Sendable func fuzzDefinition(_ bytes: [UInt8]) {
  let file = DefinitionFile(reading: bytes)
  var last = 0
  for stage in file.stages {
    if stage.line < last { fatalError("the stages are not in the order of their lines") }
    last = stage.line
    _ = (stage.labels, stage.apps, stage.arguments)
    for section in stage.sections {
      _ = section.copies
      for line in section.lines where line.number <= section.line || line.bytes.contains(0x0A) {
        fatalError("a line is none of its section")
      }
    }
  }
  for finding in file.findings where finding.line < 1 || finding.message.isEmpty {
    fatalError("a finding without a place or a sentence")
  }
  let result = DefinitionTemplate(["a": Array("{{ b }}".utf8), "b": []]).apply(to: file)
  if result.unused.contains(where: { $0 != "a" && $0 != "b" }) { fatalError("a value that nobody gave") }
}
