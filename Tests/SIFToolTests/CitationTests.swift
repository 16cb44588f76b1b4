import TestSupport
import Testing

/// Scripts/check-links.sh finds citations that lead nowhere, in every form in which people write them.
@Suite struct CitationTests {
  /// What the script says of a project with one page and the lines given.
  private func check(_ lines: String...) throws -> ToolAnswer {
    let directory = try Scratch()
    try Tool.check(["mkdir", "-p", directory.file("spec/json"), directory.file("docs/decisions")])
    try directory.write("spec/README.md", Array("[the page](some-page.md) [it](json/it.schema.json)\n".utf8))
    try directory.write("spec/some-page.md", Array("# A page\n\n## One section\n".utf8))
    try directory.write("spec/json/it.schema.json", Array("{}\n".utf8))
    try directory.write("docs/decisions/0001-first.md", Array("# 0001 · First\n".utf8))
    try directory.write("code.swift", Array(lines.joined(separator: "\n").utf8))
    return try Tool.run(["\(Fixture.root)/Scripts/check-links.sh", directory.path])
  }

  @Test func soundCitations() throws {
    let answer = try check(
      "/// (spec/some-page.md, \"One section\") spec/some-page.md \"A page\"",
      "/// spec/some-page.md and spec/some-page.md, \"One", "  /// section\".",
      "// docs/decisions/0001-first.md; \"\\(root)/spec/some-page.md\", \"spec/json\"")
    #expect(answer.errors == "")
    #expect(
      answer.text == "checked 6 citations of pages, 3 of them of a section; 2 links; 3 files of spec/\n")
    #expect(answer.status == 0)
  }

  @Test(arguments: [
    "spec/some-page.md, \"No section\"", "spec/some-page.md \"No section\"",
    "spec/some-page.md, \"One\n/// word\"", "spec/no-page.md", "spec/no-page.md, \"One section\"",
    "spec/json/other.schema.json", "docs/decisions/0002-second.md", "docs/decisions/0001-first.md, \"Why\"",
    // Forms that nobody could check.
    "some-page.md, \"One section\"", "some-page.md", "spec/some-page.md: \"One section\"",
    "spec/some-page.md (\"One section\")", "spec/some-page.md, section 2",
    "spec/some-page.md#one-section", "spec/some-page.md, \"One section\", \"A page\"",
    "spec/some-page, \"One section\"", "decision 0001", "docs/decisions/0001",
  ])
  func brokenCitation(_ citation: String) throws {
    let answer = try check("/// Something (\(citation)).")
    #expect(answer.errors.hasPrefix("code.swift:1: "), "\(citation): \(answer.errors)")
    #expect(answer.status == 1)
  }

  /// What pages must have: a link to every file of spec/, links that lead somewhere, titles with their number.
  @Test func pagesThemselves() throws {
    let directory = try Scratch()
    try Tool.check(["mkdir", "-p", directory.file("spec/json"), directory.file("docs/decisions")])
    try directory.write("spec/README.md", Array("[gone](gone.md) [it](page.md#nothing)\n".utf8))
    try directory.write("spec/page.md", Array("# A page\n".utf8))
    try directory.write("spec/json/new.schema.json", Array("{}\n".utf8))
    try directory.write("docs/decisions/0002-second.md", Array("# 0001 · Second\n".utf8))
    let answer = try Tool.run(["\(Fixture.root)/Scripts/check-links.sh", directory.path])
    #expect(
      answer.errors == """
        spec/README.md:1: spec/gone.md does not exist
        spec/README.md:1: spec/page.md has no section #nothing
        spec/README.md: no link to spec/json/new.schema.json
        docs/decisions/0002-second.md:1: the title is not "# 0002 · …"

        """)
    #expect(answer.status == 1)
  }
}
