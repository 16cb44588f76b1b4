import Definition
import Testing

@Suite struct DefinitionFileTests {
  private func file(_ text: String) -> DefinitionFile { DefinitionFile(reading: Array(text.utf8)) }

  /// What is wrong, and with a question mark what may surprise: lines and kinds.
  private func findings(_ text: String) -> [String] {
    file(text).findings.map { "\($0.line) \($0.code.rawValue)\($0.isError ? "" : "?")" }
  }

  private func text(_ lines: [DefinitionLine]) -> String {
    lines.map { String(decoding: $0.bytes, as: UTF8.self) }.joined(separator: "\n")
  }

  // MARK: Headers

  @Test func header() throws {
    let stage = try #require(
      file(
        """
        # A comment above.

        Bootstrap: docker # here
          FROM:debian:12
        MirrorURL: http://a/b
        Include: a \\
          b \\
        c
        Fingerprints: x\\n\\
        y
        otherurl12: z
        %post
        """
      ).stages.first)
    #expect(stage.line == 3 && stage.agent == "docker")
    #expect(
      stage.header.mapValues(\.text) == [
        "bootstrap": "docker", "from": "debian:12", "mirrorurl": "http://a/b", "include": "a b c",
        "fingerprints": "x\ny", "otherurl12": "z",
      ])
    #expect(stage.header["include"]?.line == 6)
  }

  @Test(arguments: [
    ("", ["1 not-definition"]), ("# only\n\n", ["1 not-definition"]), ("%post\ntrue\n", ["1 header"]),
    ("From: a\n%post\n", ["1 header"]), ("From: a\nBootstrap: docker\n%post\n", []),
    ("Bootstrap: docker\n", ["1 header"]), ("Bootstrap: nothing\n", ["1 agent"]),
    ("Bootstrap: shub\nFrom: a", ["1 agent"]),
    ("Bootstrap: Docker\nFrom: a", ["1 surprise?"]), ("Bootstrap: scratch\nColor: red\n", ["2 keyword"]),
    ("Bootstrap: scratch\nno colon\n", ["2 header"]),
    ("Bootstrap: scratch\nFrom: a\nFrom: b\n", ["3 surprise?"]),
    ("Bootstrap: scratch\nInclude: a \\\n\n  b\n", ["3 surprise?"]),
    ("Bootstrap: scratch\nInclude: a \\\n", ["2 surprise?"]),
    ("Bootstrap: busybox\nMirrorURL: http://a/b#c\n", ["2 surprise?"]),
    ("Bootstrap: scratch\nIncludeCmd: yes\n", ["2 surprise?"]),
    ("Bootstrap: debootstrap\nMirrorURL: a\n", ["1 header"]),
    ("Bootstrap: scratch\nOtherURL: x\n", ["2 keyword"]),
  ])
  func headersThatAreWrong(_ text: String, _ expected: [String]) {
    #expect(findings(text) == expected, "\(text)")
  }

  @Test func marksAndLineEnds() throws {
    let stage = try #require(file("\u{FEFF}Bootstrap: scratch\r\n%post\r\n  a\r\n\r\nb").stages.first)
    #expect(stage.agent == "scratch" && text(stage.lines(of: .post)) == "  a\n\nb")
  }

  // MARK: Sections

  @Test func sections() throws {
    let file = file(
      """
      Bootstrap: scratch
      %post -c /bin/bash
        one
      %%HELP
      text
      %post
        two
      %appinstall a more
      three
      %apprun b
      %applabels a
      K v
      """)
    let stage = try #require(file.stages.first)
    #expect(file.findings.isEmpty)
    #expect(text(stage.lines(of: .post)) == "  one\n  two")
    #expect(stage.arguments(of: .post) == Array("-c /bin/bash".utf8))
    #expect(text(stage.lines(of: .help)) == "text")
    #expect(text(stage.lines(of: .appInstall("a"))) == "three" && stage.apps == ["a", "b"])
    #expect(stage.lines(of: .post).map(\.number) == [3, 7])
  }

  @Test(arguments: [
    ("%setup\n%nothing\nx\n%post\ny\n", ["3 section"]), ("%appinstall\n", ["2 section"]),
    ("%\nx\n", ["2 section"]),
    ("%post\t-c sh\n", ["2 surprise?"]), (" %post\n", ["2 surprise?"]), ("%AppInstall a\n", ["2 surprise?"]),
    ("%post\n  %s\n  true\n", ["3 surprise?"]), ("%post\n%matplotlib inline\n", ["3 section"]),
    ("%labels\nA\tb\n", ["3 surprise?"]), ("%files\na b c\n'a b'\n", ["3 surprise?", "4 surprise?"]),
    ("%files from\n", ["2 surprise?"]), ("%files from x\n", ["2 stage"]), ("%help\n<<END\n", []),
  ])
  func sectionsThatAreWrong(_ text: String, _ expected: [String]) {
    #expect(findings("Bootstrap: scratch\n\(text)") == expected, "\(text)")
  }

  /// Heads and stages in a here-document are text of the script.
  @Test func hereDocuments() throws {
    let body = """
      cat > a <<END; cat > b <<-'Two Words' # <<NO
      %runscript
      Bootstrap: docker
      END
      %help
      \tTwo Words
      x=$(cat <<"E"
      %test
      E
      )
      y="<<NO $(cat <<\\F
      %labels
      F
      )"
      z=$((1 << 2)); w='<<NO'; cat <<<NO; echo \\<<NO2
      %setup_is_no_section
      """
    // The last line is a head, as no here-document is open there.
    let file = file("Bootstrap: scratch\n%post\n\(body)\n%runscript\nrun\n")
    let stage = try #require(file.stages.first)
    #expect(file.stages.count == 1 && stage.sections.map(\.line) == [3 - 1, 19])
    #expect(text(stage.lines(of: .post)).split(separator: "\n").count == 15)
    #expect(text(stage.lines(of: .runscript)) == "run")
    #expect(file.findings.filter { $0.code == .section }.map(\.line) == [18])
    #expect(file.findings.filter { $0.message.contains("here-document") }.map(\.line) == [4, 5, 7, 10, 14])
  }

  @Test func hereDocumentsThatNeverEnd() throws {
    let file = file("Bootstrap: scratch\n%post\ncat <<END\n%help\nx\n")
    #expect(file.stages.first?.sections.count == 2 && file.findings.map(\.line) == [3])
  }

  @Test func longSections() {
    let line = String(repeating: "x", count: 100) + "\n"
    let file = file("Bootstrap: scratch\n%post\n" + String(repeating: line, count: 2000))
    #expect(file.findings.isEmpty && file.stages.first?.lines(of: .post).count == 2000)
    #expect(
      DefinitionFile(reading: [UInt8](repeating: 0x0A, count: DefinitionFile.maximumBytes + 1)).findings.map(
        \.code)
        == [.notDefinition])
  }

  // MARK: Stages

  @Test func stages() {
    let file = file(
      """
      BootStrap: docker
      From: a
      Stage: build
      %files from build
      /x
      %files from last
      /x
      %post
      # a comment
      bootstrap: scratch
      stage: last
      %files from build
      /a /b
      "c d" "e f"
      g # all of it
      {{ a }}b c
      %files
      /h
      %files from other
      """)
    #expect(file.stages.map(\.line) == [1, 10] && file.stages.map(\.name) == ["build", "last"])
    #expect(file.findings.map { "\($0.line) \($0.code.rawValue)" } == ["4 stage", "6 stage", "19 stage"])
    let copies = file.stages[1].sections[0].copies
    #expect(copies.map { String(decoding: $0.source, as: UTF8.self) } == ["/a", "c d", "g", "{{ a }}b"])
    #expect(
      copies.map { $0.destination.map { String(decoding: $0, as: UTF8.self) } } == ["/b", "e f", nil, "c"])
    #expect(file.stages[1].sections.map(\.sourceStage) == ["build", nil, "other"])
    #expect(findings("Bootstrap: scratch\nStage: a\nBootstrap: scratch\nStage: a\n") == ["4 stage"])
  }

  @Test func manyStages() {
    let file = file(String(repeating: "Bootstrap: scratch\n%post\ntrue\n", count: 200))
    #expect(file.stages.count == 200 && file.findings.isEmpty)
  }

  @Test func labels() {
    let stage = file("Bootstrap: scratch\n%labels\n Author \"Me\"  \n\n# no\nAlone\nA=B\n").stages.first
    #expect(
      stage?.labels.map { [$0.name, $0.value].map { String(decoding: $0, as: UTF8.self) } } == [
        ["Author", "\"Me\""], ["Alone", ""], ["A=B", ""],
      ])
  }

  @Test func errors() {
    #expect(throws: DefinitionError.self) { try file("Bootstrap: scratch\n%no\n").requireSound() }
    #expect(throws: Never.self) { try file("Bootstrap: Scratch\n").requireSound() }
  }

  // MARK: Templates

  @Test func templates() {
    let text = """
      Bootstrap: docker
      From: a:{{ VERSION }}
      %arguments
        VERSION = 1
        # NO=2
        OWN=b=c
      # {{ UNKNOWN }} {{OWN}}
      %post
        #! {{MISSING}}
        echo {{
        OWN }} {{ .Names }} {{a-b}}
      Bootstrap: scratch
      %post
        {{ OWN }}
      """
    let result = DefinitionTemplate(["VERSION": Array("2".utf8), "UNUSED": []]).apply(to: file(text))
    #expect(
      String(decoding: result.file.bytes, as: UTF8.self)
        == text.replacing("{{ VERSION }}", with: "2").replacing("{{OWN}}", with: "b=c")
        .replacing("{{\n  OWN }}", with: "b=c"))
    #expect(result.unused == ["UNUSED"])
    #expect(result.findings.map(\.line) == [9, 14] && result.findings.allSatisfy { $0.code == .argument })
  }
}
