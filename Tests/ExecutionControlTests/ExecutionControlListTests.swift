import ExecutionControl
import SystemPackage
import Testing

/// What an execution control list may say.
@Suite struct ExecutionControlListTests {
  static let one = "F34371D0ACD5D09EB9BD853A80600A5FA11BBD29"
  static let two = "7064B1D6EFF01B1262FED3F03581D99FE87EAFD1"

  private func list(_ text: String) throws(PolicySyntaxError) -> ExecutionControlList {
    try ExecutionControlList(reading: Array(text.utf8))
  }

  static func group(
    _ mode: String, _ directory: String?, _ keys: [String], tag: String = "name"
  ) -> String {
    let place = directory.map { "dirpath = '\($0)'\n" } ?? ""
    let names = keys.map { "'\($0)'" }.joined(separator: ", ")
    return "[[execgroup]]\ntagname = '\(tag)'\nmode = '\(mode)'\n\(place)keyfp = [\(names)]\n"
  }

  @Test(arguments: [false, true], [false, true])
  func whatIsActivated(isActivated: Bool, isLegacy: Bool) throws {
    let read = try list("activated = \(isActivated)\nlegacyinsecure = \(isLegacy)\n")
    #expect(read.isActivated == isActivated && read.isLegacy == isLegacy && read.groups.isEmpty)
    #expect(try !list("activated = \(isActivated)").isLegacy)
  }

  @Test func groups() throws {
    let text =
      "activated = true\n" + Self.group("whitelist", "/var/data1", [Self.one, Self.two])
      + Self.group("whitestrict", "/var/data2", [Self.one.lowercased(), Self.two], tag: "")
      + Self.group("blacklist", nil, [Self.one]) + Self.group("blacklist", "/", [])
    let read = try list(text)
    #expect(read.groups.map(\.mode) == [.whitelist, .whitestrict, .blacklist, .blacklist])
    #expect(read.groups.map(\.directory) == ["/var/data1", "/var/data2", nil, "/"])
    #expect(
      read.groups.map(\.fingerprints) == [[Self.one, Self.two], [Self.one, Self.two], [Self.one], []])
    #expect(read.groups.map(\.tag) == ["name", "", "name", "name"])
    #expect(read.group(of: "/var/data2")?.mode == .whitestrict)
    // Neither what is above or below nor what begins alike.
    for directory: FilePath in ["/var", "/var/data2/deep", "/var/data22", "/var/data", "/VAR/data2"] {
      #expect(read.group(of: directory) == read.groups[2], "\(directory)")
    }
    #expect(read.group(of: "/") == read.groups[3])
    #expect(try list("activated = true\n" + Self.group("whitelist", "/a", [])).group(of: "/b") == nil)
    // The other notations of the same.
    let inline = try list("execgroup = [{mode = \"whitelist\", dirpath = \"\"}]\nactivated = true")
    #expect(inline.groups.first?.directory == nil && inline.groups.first?.fingerprints == [])
  }

  @Test(arguments: [
    // Not said, or not in the words that there are.
    "", "# activated = true", "activated = 1", "activated = \"true\"", "active = true",
    "activated = true\nlegacyinsecure = 0", "activated = true\nlegacy = true", "activated = true\n[other]",
    "activated = true\nexecgroup = true", "activated = true\n[execgroup]\nmode = 'whitelist'",
    "activated = true\nexecgroup = [1]",
    // No TOML.
    "activated", "activated = true\nactivated = true", "activated = true\n[[execgroup]\nmode = 'whitelist'",
    "activated = true\n[[execgroup]]\nmode = 'whitel",
    "activated = true\n[[execgroup]]\nmode = 'whitelist'\nke",
    "activated = true\n[[execgroup]]\nmode = 'whitelist'\nmode = 'blacklist'",
    // Groups.
    "activated = true\n[[execgroup]]", group("bad", "/a", [one]), group("", "/a", [one]),
    group("Whitelist", "/a", [one]), group("whitelist", "testdata", [one]),
    group("whitelist", "/a/../b", [one]),
    group("whitelist", "/a/./b", [one]), group("whitelist", "../a", [one]), group("whitelist", ".", [one]),
    group("whitelist", "/a", ["bad"]), group("whitelist", "/a", [String(one.dropLast())]),
    group("whitelist", "/a", [one + "0"]), group("whitelist", "/a", [one + one.prefix(24)]),
    group("whitelist", "/a", ["0x" + one.dropLast(2)]),
    group("whitelist", "/a", [one.prefix(20) + " " + one.suffix(19)]),
    group("whitelist", "/a", [""]), group("whitelist", "/a", [one.replacing("F", with: "G")]),
    group("whitelist", "/a", []) + "keyfps = []\n", group("whitelist", "/a", []) + "keyFp = []\n",
    "[[execgroup]]\nmode = 'whitelist'\nkeyfp = '\(one)'\n",
    "[[execgroup]]\nmode = 'whitelist'\nkeyfp = [1]\n",
    "[[execgroup]]\nmode = ['whitelist']\n", "[[execgroup]]\nmode = 'whitelist'\ntagname = 1\n",
    "[[execgroup]]\nmode = 'whitelist'\ndirpath = [\"/a\"]\n",
    "[[execgroup]]\nmode = 'whitelist'\ndirpath = \"/a\\u0000/b\"\n",
    // Two for one directory, however it is written.
    group("whitelist", "/a", [one]) + group("blacklist", "/a", [two]),
    group("whitelist", "/a", [one]) + group("blacklist", "/a//", [two]),
    group("whitelist", nil, [one]) + group("blacklist", "", [two]),
  ])
  func whatIsRefused(text: String) {
    let whole = text.hasPrefix("[[") ? "activated = true\n" + text : text
    #expect(throws: PolicySyntaxError.self) { try list(whole) }
    // What is not activated has to make sense, too.
    #expect(throws: PolicySyntaxError.self) {
      try list(whole.replacing("activated = true", with: "activated = false"))
    }
  }

  @Test func bytesThatAreNoTextAreRefused() {
    let text = Array("activated = true".utf8)
    for bytes in [text + [0x0A, 0x23, 0xFF], text + [0], Array(repeating: 0x23, count: 1 << 20 + 1)] {
      #expect(throws: PolicySyntaxError.self) { try ExecutionControlList(reading: bytes) }
    }
  }
}
