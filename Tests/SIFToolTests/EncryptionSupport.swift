import TestSupport

/// An image with a small squashfs, and keys to encrypt it with.
final class EncryptionFixture: Sendable {
  let directory: Scratch
  /// A plain image with one partition, id 2, and a definition file.
  let plain: String
  /// A file with the passphrase "secret" and a newline.
  let phrase: String

  /// Costs that a test can afford.
  static let cheap = ["--kdf", "pbkdf2", "--kdf-time", "1000"]

  init() throws {
    directory = try Scratch()
    plain = directory.file("plain.sif")
    phrase = try directory.write("phrase", Array("secret\n".utf8))
    try Tool.check([
      "sh", "-c",
      """
      set -e; cd \(directory.path); mkdir -p rootfs/etc; echo hello > rootfs/etc/file
      head -c 1500000 /dev/urandom > rootfs/noise; echo 'Bootstrap: scratch' > definition
      """,
    ])
    try Siftool.check(
      "pack", directory.file("rootfs"), plain, "--plain", "--arch", "amd64", "--deffile",
      directory.file("definition"), environment: ["SOURCE_DATE_EPOCH": "1600000000"])
  }

  func file(_ name: String) -> String { directory.file(name) }

  /// Runs siftool with the clock at one time, so that images compare.
  func siftool(
    _ arguments: [String], input: [UInt8] = [], environment: [String: String] = [:]
  ) throws -> ToolAnswer {
    try Siftool.run(
      arguments, input: input,
      environment: ["SOURCE_DATE_EPOCH": "1600000000", "HOME": directory.path].merging(environment) { $1 })
  }

  /// An encrypted image of the plain one, cheap to open.
  @discardableResult
  func encrypt(_ name: String, _ options: String...) throws -> String {
    let key = options.contains { $0.hasPrefix("--pem") } ? [] : ["--passphrase-file", phrase]
    // Each option once.
    let cost = options.contains("--kdf") ? [] : Self.cheap
    let answer = try siftool(["encrypt", plain, file(name)] + key + cost + options)
    guard answer.status == 0 else { throw EncryptionFailure(description: answer.errors) }
    return file(name)
  }

  /// A key of testdata/keys that nobody else may read.
  func key(_ name: String) throws -> String {
    try directory.write(name, try Fixture.read("keys/\(name)"))
  }

  /// The bytes of an object.
  func dump(_ image: String, _ id: Int) throws -> [UInt8] {
    try Siftool.check("dump", "\(id)", image).output
  }

  /// The image with the JSON of its LUKS2 header changed, in both copies, with checksums that are right.
  func forge(_ image: String, _ name: String, _ change: (String) -> String) throws -> String {
    var bytes = try Tool.read(image)
    guard let place = bytes.firstRange(of: [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE])?.lowerBound else {
      throw EncryptionFailure(description: "no volume in \(image)")
    }
    let json = String(decoding: bytes[(place + 4096)..<(place + 16384)].prefix { $0 != 0 }, as: UTF8.self)
    let forged = Array(change(json).utf8)
    guard forged != Array(json.utf8) else {
      throw EncryptionFailure(description: "nothing to change: \(json)")
    }
    for start in [place, place + 16384] {
      let area = forged + [UInt8](repeating: 0, count: 12288 - forged.count)
      bytes.replaceSubrange(start + 4096..<start + 16384, with: area)
      for index in start + 448..<start + 512 { bytes[index] = 0 }
      let digest = try Tool.check(
        ["openssl", "dgst", "-sha256", "-binary"], input: Array(bytes[start..<start + 16384]))
      bytes.replaceSubrange(start + 448..<start + 480, with: digest.output)
    }
    return try directory.write(name, bytes)
  }

  /// Adds an object to an image.
  func add(_ image: String, _ bytes: [UInt8], _ options: String...) throws {
    let source = try directory.write("object", bytes)
    try Siftool.check(["add", image, source] + options)
  }
}

struct EncryptionFailure: Error, CustomStringConvertible {
  let description: String
}
