import TestSupport
import Testing

/// The documents that commands print are what spec/json says they are.
@Suite struct SchemaTests {
  private static let validator = """
    import json, pathlib, sys
    import jsonschema
    folder = pathlib.Path(sys.argv[1])
    name = sys.argv[2]
    schema = json.loads((folder / f"{name}.schema.json").read_text())
    resolver = jsonschema.RefResolver(folder.as_uri() + "/", schema)
    for line in sys.stdin.read().split("\\0"):
        if line:
            jsonschema.validate(json.loads(line), schema, resolver=resolver)
    """

  private func validate(_ documents: [[UInt8]], against schema: String) throws {
    let input = documents.flatMap { document in document + [UInt8(0)] }
    let answer = try Tool.run(
      ["/usr/bin/python3", "-W", "ignore", "-c", Self.validator, "\(Fixture.root)/spec/json", schema],
      input: input)
    #expect(answer.status == 0, "\(schema): \(answer.errors.suffix(600))")
  }

  @Test(arguments: ["list", "header", "inspect", "check"])
  func documentsOfImages(command: String) throws {
    let documents = try Fixture.imageNames.map {
      try Siftool.run(command, "--json", Fixture.path("images/\($0)")).output
    }
    try validate(documents, against: command)
  }

  @Test func otherDocuments() throws {
    let image = Fixture.path("images/groups-and-links.sif")
    let infos = try (1...8).map {
      try Siftool.check("info", "--json", "\($0)", image).output
    }
    try validate(infos, against: "info")
    try validate([try Siftool.check("version", "--json").output], against: "version")
    try validate([try Siftool.check("mount", "--list", "--json").output], against: "mount")
    try validate([try Siftool.check("capability", "avail", "--json").output], against: "capability-avail")
    try validate([try Siftool.check("registry", "list", "--json").output], against: "registry-list")
    try validate([try Siftool.check("cache", "list", "--json").output], against: "cache-list")
    let other = Fixture.path("images/plain-types.sif")
    let diff = try Siftool.run("diff", "--json", image, other)
    #expect(diff.status == 1)
    try validate([diff.output], against: "diff")
    let failures = [
      ["list", "--json", "/dev/zero"], ["info", "--json", "99", image], ["header", "--json", "/nothing"],
    ]
    try validate(try failures.map { try Siftool.run($0).output }, against: "error")
  }

  /// A document that is not as the schema says does not pass: the validator validates.
  @Test func theValidatorValidates() throws {
    let answer = try Tool.run(
      ["/usr/bin/python3", "-W", "ignore", "-c", Self.validator, "\(Fixture.root)/spec/json", "list"],
      input: Array("{\"header\":{}}".utf8))
    #expect(answer.status != 0)
  }
}
