import ExecutionControl
import Testing

/// The files with the ranges of users, as text.
@Suite struct SubordinateIDsTests {
  private func answer(_ text: String) -> SubordinateIDs.Answer {
    SubordinateIDs(reading: Array(text.utf8)).ranges(of: "alice", 1000)
  }

  @Test func rangesOfAUser() {
    let answer = answer("bob:1:2\nalice:100000:65536\n1000:7:1\nalicea:3:3\nalic:4:4\nalice:200000:10")
    #expect(
      answer.ranges == [
        SubordinateIDs.Range(start: 100000, count: 65536), SubordinateIDs.Range(start: 7, count: 1),
        SubordinateIDs.Range(start: 200000, count: 10),
      ])
    #expect(!answer.isDisabled && answer.faulty.isEmpty)
  }

  /// No number wraps around, and nothing but digits is a number.
  @Test(arguments: [
    "alice:4294967295:1", "alice:4294967294:2", "alice:4294967295:65536", "alice:1:4294967295", "alice:x:1",
    "alice:1:x",
    "alice:-1:1", "alice:+1:1", "alice: 1:1", "alice:1:0", "alice:1:", "alice::1", "alice:1", "alice:",
    "alice:1:2:3",
    "alice:18446744073709551617:1", "alice:1:99999999999999999999", "alice:0x10:1", "alice:١:1",
  ])
  func linesThatAreNoRanges(line: String) {
    let answer = answer("x:1:1\n\(line)\n")
    #expect(answer.ranges.isEmpty && answer.faulty == [2], "\(answer)")
  }

  @Test func theLastNumbers() {
    #expect(answer("alice:4294967294:1").ranges.count == 1)
    #expect(answer("alice:0:4294967295").ranges.count == 1)
  }

  @Test func switchedOff() {
    let answer = answer("!alice:1:2\n!1000:3:4\n")
    #expect(answer.isDisabled && answer.ranges.isEmpty && answer.faulty.isEmpty)
  }

  @Test(arguments: ["", "\n", "a", "a\n", "# comment\n\nx:y\n", "no end\n\n:"]) func everyByteStays(
    text: String
  ) {
    #expect(SubordinateIDs(reading: Array(text.utf8)).bytes == Array(text.utf8))
  }
}

/// `capability.json`, as text.
@Suite struct CapabilityGrantsTests {
  private func grants(_ text: String) throws -> CapabilityGrants {
    try CapabilityGrants(reading: Array(text.utf8))
  }

  @Test func theRuntimesForm() throws {
    let text =
      "{\n\t\"users\": {\n\t\t\"user1\": [\n\t\t\t\"CAP_NET_RAW\",\n\t\t\t\"CAP_NEWER\"\n\t\t]\n\t},\n\t\"groups\": {\n\t\t"
      + "\"user1\": [\n\t\t\t\"CAP_CHOWN\"\n\t\t]\n\t}\n}"
    let grants = try grants(text)
    #expect(grants.names(of: .user("user1")) == ["CAP_NET_RAW", "CAP_NEWER"])
    #expect(grants.bytes == Array(text.utf8))
    #expect(CapabilityGrants().bytes == Array("{}".utf8))
  }

  @Test(arguments: [
    "", " \n", "{}", #"{"users":{}}"#, #"{"users":null,"groups":null}"#, #"{"users":{"a":null}}"#,
  ])
  func nothing(text: String) throws {
    #expect(try grants(text) == CapabilityGrants())
  }

  @Test(arguments: [
    "x", "[]", "1", #"{"users":[]}"#, #"{"users":{"a":"CAP_CHOWN"}}"#, #"{"users":{"a":[1]}}"#,
    #"{"user":{}}"#,
    #"{"users":{},"users":{}}"#, #"{"users":{"a":[]}"#, "\u{FEFF}{}",
  ])
  func malformed(text: String) {
    #expect(throws: PolicySyntaxError.self) { try grants(text) }
  }

  @Test func ofRoot() throws {
    let grants = try grants(
      #"{"users":{"root":["CAP_KILL","net_raw","CAP_NEWER"],"x":["CAP_BPF"]},"groups":{"root":["CAP_CHOWN"]}}"#
    )
    #expect(grants.ofRoot().names == ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"])
  }
}
