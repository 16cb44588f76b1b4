import Bytes

/// Cuts a definition file into stages, headers and sections.
struct DefinitionParser {
  private typealias Code = DefinitionFinding.Code
  private let lines: [DefinitionLine]
  /// The lines that can end a here-document: for each text, where it stands. Without tabs at the beginning as well.
  private let places: [[UInt8]: [Int]]
  private var header: [DefinitionLine] = []
  private var section: DefinitionFile.Section?
  /// Whether the lines of a section that does not exist are skipped.
  private var isSkipping = false
  private var documents = HereDocuments()

  private(set) var stages: [DefinitionFile.Stage] = []
  private(set) var findings: [DefinitionFinding] = []

  init(_ bytes: [UInt8]) {
    // A byte order mark does not belong to the first word.
    lines = DefinitionLine.lines(of: bytes[...].dropFirst(bytes.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0))
    var places: [[UInt8]: [Int]] = [:]
    for (index, line) in lines.enumerated() {
      places[line.bytes, default: []].append(index)
      let stripped = Array(line.bytes.drop { $0 == 0x09 })
      if stripped.count != line.bytes.count { places[stripped, default: []].append(index) }
    }
    self.places = places
  }

  mutating func parse() {
    for (index, line) in lines.enumerated() { take(line, index) }
    endStage()
    if lines.allSatisfy({ $0.trimmed.isEmpty || $0.trimmed.first == 0x23 }) {
      findings = []
      findings.add(
        .notDefinition, 1, "the file has nothing but comments: a definition begins with Bootstrap:")
    }
  }

  private mutating func take(_ line: DefinitionLine, _ index: Int) {
    if section?.kind.isScript ?? false, documents.takeContent(line.bytes) {
      if Self.beginsStage(line) || line.bytes.first == 0x25 {
        findings.note(
          line.number,
          "\"\(line.trimmed.shown)\" is in a here-document, and stays in the script; the runtimes take it for the head of a part of the file"
        )
      }
      section?.lines.append(line)
      return
    }
    if Self.beginsStage(line), section != nil || isSkipping || header.contains(where: Self.beginsStage) {
      endStage()
    }
    if line.trimmed.first == 0x25, takeHead(line) { return }
    if section != nil {
      section?.lines.append(line)
      if section?.kind.isScript ?? false { follow(line, index) }
    } else if !isSkipping {
      header.append(line)
    }
  }

  /// `Bootstrap:` at the beginning of a line begins a stage.
  private static func beginsStage(_ line: DefinitionLine) -> Bool {
    let word = Array("bootstrap:".utf8)
    return line.bytes.count >= word.count
      && zip(line.bytes, word).allSatisfy { $0 == $1 || $0 | 0x20 == $1 && $1 != 0x3A }
  }

  /// Follows the here-documents that a line of a script begins. One that never ends is none.
  private mutating func follow(_ line: DefinitionLine, _ index: Int) {
    let before = documents.open.count
    documents.take(line.bytes)
    var last = index
    for document in documents.open.dropFirst(before) {
      guard let end = place(of: document.end, after: last) else {
        findings.note(
          line.number, "the here-document \"\(document.end[...].shown)\" begins here and never ends")
        while documents.open.count > before { documents.forgetLast() }
        return
      }
      last = end
    }
  }

  private func place(of text: [UInt8], after index: Int) -> Int? {
    guard let all = places[text] else { return nil }
    var (low, high) = (0, all.count)
    while low < high {
      let middle = (low + high) / 2
      if all[middle] > index { high = middle } else { low = middle + 1 }
    }
    return low < all.count ? all[low] : nil
  }

  // MARK: Sections

  /// Takes the head of a section. Returns false for text that only looks like one.
  private mutating func takeHead(_ line: DefinitionLine) -> Bool {
    let isIndented = line.bytes.first != 0x25
    let text = line.trimmed.drop { $0 == 0x25 }
    let written = text.prefix { !$0.isBlank }.text
    var arguments = text.drop { !$0.isBlank }.trimmed
    let name = written.lowercased()
    var kind = DefinitionFile.Section.Kind(name)
    if kind == nil, DefinitionFile.Section.Kind.ofApp(name, "") != nil {
      guard let app = arguments.words.first else {
        if isIndented, section != nil { return false }
        findings.add(.section, line.number, "%\(name) needs the name of an app")
        skip()
        return true
      }
      if written != name { findings.note(line.number, "the runtimes know only %\(name), in lower case") }
      arguments = arguments.dropFirst(app.count).trimmed
      kind = .ofApp(name, app.text)
    }
    guard let kind else {
      // Text of a script, such as %s at the beginning of a line of a string.
      if isIndented, section != nil {
        findings.note(
          line.number,
          "\"\(line.trimmed.shown)\" is a line of the section; the runtimes take it for a section's head")
        return false
      }
      let what = written.isEmpty ? "there is no section without a name" : "there is no section %\(written)"
      findings.add(.section, line.number, what.printable)
      skip()
      return true
    }
    if isIndented { findings.note(line.number, "%\(name) does not begin its line; the runtimes refuse that") }
    if text.dropFirst(written.utf8.count).first == 0x09 {
      findings.note(line.number, "a tab follows %\(name); the runtimes take it for a part of the name")
    }
    endSection()
    documents = HereDocuments()
    isSkipping = false
    section = DefinitionFile.Section(kind: kind, line: line.number, arguments: Array(arguments))
    if stages.isEmpty || hasHeader { beginStage(at: line.number) }
    return true
  }

  /// Skips the lines of a section that does not exist.
  private mutating func skip() {
    endSection()
    if hasHeader { beginStage(at: lines.first?.number ?? 1) }
    isSkipping = true
  }

  private mutating func endSection() {
    guard let section, !stages.isEmpty else { return }
    stages[stages.count - 1].sections.append(section)
    self.section = nil
  }

  // MARK: Stages

  private var hasHeader: Bool { header.contains { !$0.trimmed.isEmpty && $0.trimmed.first != 0x23 } }

  /// Makes a stage of the header.
  private mutating func beginStage(at line: Int) {
    let first = header.first { !$0.trimmed.isEmpty && $0.trimmed.first != 0x23 }?.number ?? line
    var parser = HeaderParser()
    parser.parse(header)
    findings += parser.findings
    header = []
    stages.append(DefinitionFile.Stage(line: first, header: parser.values))
  }

  private mutating func endStage() {
    if hasHeader { beginStage(at: 1) }
    endSection()
    header = []
    isSkipping = false
    documents = HereDocuments()
  }
}
