import TestSupport
import Testing

/// Which key ring `sign`, `verify` and `key` use, and what `verify` says of a damaged image.
@Suite struct KeyRingChoiceTests {
  private let directory: TemporaryDirectory
  private let image: String

  init() throws {
    directory = try TemporaryDirectory()
    image = directory.file("image.sif")
    try Tool.check(["cp", Fixture.path("images/two-systems.sif"), image])
  }

  private func run(_ arguments: [String], _ environment: [String: String]) throws -> ToolAnswer {
    try Tool.run(
      [Fixture.siftool] + arguments, environment: ["HOME": directory.path].merging(environment) { $1 })
  }

  private static let newKey = ["key", "new", "--user-id", "test <test@example.org>", "--no-passphrase"]

  /// Who names a ring trusts that one, and changes that one.
  @Test(arguments: ["SINGULARITY_SYPGPDIR", "APPTAINER_KEYSPATH"])
  func aNamedRingIsTheOnlyOne(variable: String) throws {
    #expect(try run(Self.newKey, [:]).status == 0)
    let home = directory.file(".singularity/keys/pgp-public")
    let before = try Tool.read(home)
    #expect(try run(["sign", image], [:]).status == 0)
    #expect(try run(["verify", image], [:]).status == 0)
    let ring = directory.file("ring")
    #expect(try run(Self.newKey, [variable: ring]).status == 0)
    #expect(try Tool.read(home) == before)
    #expect(try Tool.read("\(ring)/pgp-public").isEmpty == false)
    #expect(try run(["verify", image], [variable: ring]).status == 3)
    // An empty variable names nothing.
    #expect(try run(["verify", image], [variable: ""]).status == 0)
  }

  @Test func contradictionsAreUsageErrors() throws {
    let phrase = try directory.write("phrase", Array("secret\n".utf8))
    #expect(try run(Self.newKey + ["--passphrase-file", phrase], [:]).status == 64)
    #expect(try run(Self.newKey + ["--expires", "0"], [:]).status == 64)
    for signer in ["", "7FF7BA84", "0123456789ABCDEF", String(repeating: "G", count: 40), "SHA256:short"] {
      #expect(try run(["verify", image, "--signer", signer], [:]).status == 64, "\(signer)")
    }
  }

  /// What is not all there is truncated, and what names two things alike is malformed: neither is altered.
  @Test func damagedImagesAreNotCalledTampered() throws {
    #expect(try run(Self.newKey, [:]).status == 0)
    #expect(try run(["sign", image], [:]).status == 0)
    let bytes = try Tool.read(image)
    for count in [1, 2000] {
      let cut = try directory.write("cut.sif", Array(bytes.dropLast(count)))
      let answer = try run(["verify", cut], [:])
      #expect(answer.status == 5, "\(count): \(answer.text)")
      #expect(answer.errors.contains("truncated"))
    }
    var twice = bytes
    twice[4096 + 2 * 585 + 5] = 2
    #expect(try run(["verify", try directory.write("twice.sif", twice)], [:]).status == 5)
  }
}
