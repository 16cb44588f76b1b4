import TestSupport
import Testing

/// Which key ring `sign`, `verify` and `key` use, and what `verify` says of a damaged image.
@Suite struct KeyRingChoiceTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image.sif")
    try Tool.check(["cp", Fixture.path("images/two-systems.sif"), image])
  }

  private static let newKey = ["key", "new", "--user-id", "test <test@example.org>", "--no-passphrase"]

  /// Who names a ring trusts that one, and changes that one.
  @Test(arguments: ["SINGULARITY_SYPGPDIR", "APPTAINER_KEYSPATH"])
  func aNamedRingIsTheOnlyOne(variable: String) throws {
    #expect(try Siftool.run(Self.newKey, in: directory).status == 0)
    let home = directory.file(".singularity/keys/pgp-public")
    let before = try Tool.read(home)
    #expect(try Siftool.run("sign", image, in: directory).status == 0)
    #expect(try Siftool.run("verify", image, in: directory).status == 0)
    let ring = directory.file("ring")
    #expect(try Siftool.run(Self.newKey, environment: [variable: ring], in: directory).status == 0)
    #expect(try Tool.read(home) == before)
    #expect(try Tool.read("\(ring)/pgp-public").isEmpty == false)
    #expect(try Siftool.run("verify", image, environment: [variable: ring], in: directory).status == 3)
    // An empty variable names nothing.
    #expect(try Siftool.run("verify", image, environment: [variable: ""], in: directory).status == 0)
  }

  @Test func contradictionsAreUsageErrors() throws {
    let phrase = try directory.write("phrase", Array("secret\n".utf8))
    #expect(try Siftool.run(Self.newKey + ["--passphrase-file", phrase], in: directory).status == 64)
    #expect(try Siftool.run(Self.newKey + ["--expires", "0"], in: directory).status == 64)
    for signer in ["", "7FF7BA84", "0123456789ABCDEF", String(repeating: "G", count: 40), "SHA256:short"] {
      #expect(try Siftool.run("verify", image, "--signer", signer, in: directory).status == 64, "\(signer)")
    }
  }

  /// What is not all there is truncated, and what names two things alike is malformed: neither is altered.
  @Test func damagedImagesAreNotCalledTampered() throws {
    #expect(try Siftool.run(Self.newKey, in: directory).status == 0)
    #expect(try Siftool.run("sign", image, in: directory).status == 0)
    let bytes = try Tool.read(image)
    for count in [1, 2000] {
      let cut = try directory.write("cut.sif", Array(bytes.dropLast(count)))
      let answer = try Siftool.run("verify", cut, in: directory)
      #expect(answer.status == 5, "\(count): \(answer.text)")
      #expect(answer.errors.contains("truncated"))
    }
    var twice = bytes
    twice[4096 + 2 * 585 + 5] = 2
    #expect(try Siftool.run("verify", try directory.write("twice.sif", twice), in: directory).status == 5)
  }
}
