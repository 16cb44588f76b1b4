import Glibc
@testable import Remotes
import StrictJSON
import TestSupport
import Testing
import YAML

@Suite struct RemoteFileTests {
  private func file(_ text: String) throws -> RemoteFile { try RemoteFile(reading: Array(text.utf8)) }

  /// As SingularityCE 4 writes it.
  static let real = """
    Active: SylabsCloud
    Remotes:
      SylabsCloud:
        URI: cloud.sylabs.io
        Token: eyJhbGciOiJSUzI1NiJ9.e30.aGk_-
        System: true
        Exclusive: false
        Keyservers:
        - URI: https://keys.sylabs.io
          Skip: false
          External: false
          Insecure: false
      site:
        URI: library.example.org/path
        System: false
        Exclusive: false
        Insecure: true
    Credentials:
    - URI: docker://ghcr.io
      Insecure: false
    - URI: https://keys.example.org
      Auth: Basic dTpw
      Insecure: true

    """

  @Test func readAndWritten() throws {
    let read = try file(Self.real)
    #expect(read.active == "SylabsCloud")
    #expect(read.remotes["SylabsCloud"]?.token == "eyJhbGciOiJSUzI1NiJ9.e30.aGk_-")
    #expect(read.remotes["SylabsCloud"]?.keyservers?.map(\.uri) == ["https://keys.sylabs.io"])
    #expect(read.remotes["site"]?.isInsecure == true)
    #expect(read.credentials.map(\.authorization) == ["", "Basic dTpw"])
    #expect(try file(read.text) == read)
    // Whoever reads YAML finds the same.
    let ours = try YAML.parse(Array(read.text.utf8))
    #expect(ours["Remotes"]?["site"]?["URI"] == "library.example.org/path")
    #expect(ours["Credentials"]?.elements?[1]["Auth"] == "Basic dTpw")
  }

  /// PyYAML reads what is written as the same texts, whatever they are.
  @Test func oddTexts() throws {
    var content = RemoteFile()
    let odd = [
      "yes", "null", "1", "1.5", "0x10", "1:20", "- a", "a: b", "a #b", "#", "", "\"q\"", "\\", "tab\there",
      "two\nlines", "é",
      "\u{1B}[31m", "\u{202E}", "\u{1F600}", "'", "{a}", "*x", "&x", "!t", "a:", "~", "2001-01-01", "On", "%",
      "@a", "=",
    ]
    for (index, text) in odd.enumerated() {
      var remote = RemoteFile.Remote(uri: text)
      remote.token = text
      content.remotes["\(index)\(text)"] = remote
      content.remotes[text.isEmpty ? "x" : text] = remote
    }
    #expect(try file(content.text) == content)
    let script = """
      import json, sys, yaml
      print(json.dumps({k: [v["URI"], v.get("Token", "")] for k, v in yaml.safe_load(sys.stdin.buffer.read())["Remotes"].items()}))
      """
    let answer = try Tool.check(["/usr/bin/python3", "-c", script], input: Array(content.text.utf8))
    let read = try JSONParser.parse(answer.output)
    #expect(read.members?.count == content.remotes.count)
    for (name, remote) in content.remotes {
      #expect(read[name]?.elements?.map(\.text) == [remote.uri, remote.token], "\(name)")
    }
  }

  @Test(arguments: [
    ("Active: a\nNew: b", "the key \"New\""), ("Remotes: [a]", "Remotes is no mapping"),
    ("Remotes: {a: {Token: 007}}", "put it into quotes"),
    ("Remotes: {a: {System: 1}}", "neither true nor false"),
    ("Remotes: {a: {Color: red}}", "the key \"Color\""), ("Remotes: {a: x}", "no mapping"),
    ("Credentials: {a: b}", "no list"), ("Credentials: [{URI: [x]}]", "not text"),
    ("Remotes: {a: {Keyservers: [{Uri: x}]}}", "the key \"Uri\""), ("- a", "no mapping"), ("a: *b", "alias"),
    ("Remotes: {\"a\\e[31m\": {X: 1}}", "a\\x1b[31m"),
  ])
  func refusal(text: String, reason: String) {
    let error = #expect(throws: RemoteError.self) { try file(text) }
    #expect(error?.description.contains(reason) == true, "\(String(describing: error))")
    #expect(error?.kind == .malformed)
  }

  @Test func nothing() throws {
    #expect(try file("") == RemoteFile())
    #expect(try file("Remotes:\nCredentials:\n") == RemoteFile())
    #expect(try file(RemoteFile().text) == RemoteFile())
  }
}
