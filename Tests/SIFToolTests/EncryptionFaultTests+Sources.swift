import TestSupport
import Testing

/// Images and key files that are cut, costly or open to others.
extension EncryptionFaultTests {
  /// Volumes that are shorter than the squashfs in them, and a squashfs shorter than it says.
  @Test func truncatedSquashfs() throws {
    let secret = try fixture.encrypt("secret.sif")
    let volume = try fixture.dump(secret, 2)
    let key = ["--passphrase-file", fixture.phrase]
    func image(_ bytes: [UInt8], fs: String) throws -> String {
      let image = fixture.file("cut.sif")
      try Siftool.check("new", image)
      try fixture.add(
        image, bytes, "--datatype", "partition", "--parttype", "2", "--partfs", fs, "--partarch", "2")
      return image
    }
    // A sector too few, ten bytes too few, hardly anything, and a segment that says that it is shorter.
    for count in [volume.count - 8192, volume.count - 10, (1 << 20) + 4096] {
      let cut = try image(Array(volume.prefix(count)), fs: "5")
      try expect(["decrypt", cut, "OUT"] + key, 5, "truncated")
      let check = try fixture.siftool(["check", cut] + key)
      #expect(check.status == 5 && check.text.contains("truncated"), "\(count): \(check.text)\(check.errors)")
    }
    let short = try fixture.forge(secret, "short.sif") {
      $0.replacing("\"size\":\"dynamic\"", with: "\"size\":\"409600\"")
    }
    try expect(["decrypt", short, "OUT"] + key, 5, "409600 of")
    // The bytes behind the last sector are seen without a key.
    let odd = try image(Array(volume.dropLast(10)), fs: "5")
    let check = try fixture.siftool(["check", odd])
    #expect(check.status == 5 && check.text.contains("4086 of 4096 bytes"), "\(check.text)")
    // The way there.
    let plain = try fixture.dump(fixture.plain, 2)
    for count in [plain.count - 8192, 4096, 40] {
      let cut = try image(Array(plain.prefix(count)), fs: "1")
      try expect(["encrypt", cut, "OUT"] + key, 5, "truncated: \(count) ")
    }
  }

  /// What only its owner may read stays so.
  @Test func permissionBits() throws {
    let secret = fixture.file("secret.sif")
    let back = fixture.file("back.sif")
    for mode in ["600", "640", "755"] {
      try Tool.check(["chmod", mode, fixture.plain])
      try Tool.check(["rm", "-f", secret, back])
      try fixture.encrypt("secret.sif")
      let answer = try fixture.siftool(["decrypt", secret, back, "--passphrase-file", fixture.phrase])
      #expect(answer.status == 0, "\(answer.errors)")
      for path in [secret, back] {
        let bits = try Tool.check(["stat", "-c", "%a", path]).text
        #expect(bits == "\(mode)\n", "\(path)")
      }
    }
  }

  @Test func derivationsThatTakeTooLong() throws {
    let secret = try fixture.encrypt("secret.sif")
    for (part, name) in [("keyslots", "key slot 0"), ("digests", "the digest")] {
      let image = try fixture.forge(secret, "long.sif") { json in
        guard let start = json.firstRange(of: "\"\(part)\""),
          let place = json[start.upperBound...].firstRange(of: "\"iterations\":1000")
        else { return json }
        return json[..<place.lowerBound] + "\"iterations\":80000000" + json[place.upperBound...]
      }
      for arguments in [["ls", image], ["decrypt", image, "OUT"], ["rekey", image, "--remove"]] {
        try expect(arguments + ["--passphrase-file", fixture.phrase], 1, name)
      }
    }
  }

  /// Faults of key files name them; and what is public may be read by everybody.
  @Test func keyFilesHaveNames() throws {
    let secret = try fixture.encrypt("secret.sif", "--pem-path", try fixture.key("pem-rsa.pub.pem"))
    let ec = try fixture.key("pem-p256.pem")
    try expect(["decrypt", secret, "OUT", "--pem-path", ec], 6, "pem-p256.pem")
    let open = fixture.file("pem-rsa.pub.pem")
    try Tool.check(["chmod", "644", open])
    let answer = try fixture.siftool(["cat", secret, "etc/file", "--pem-path", open])
    #expect(answer.status == 6 && !answer.errors.contains("others can read"), "\(answer.errors)")
    let own = try fixture.key("pem-rsa.pem")
    try Tool.check(["chmod", "644", own])
    let warned = try fixture.siftool(["cat", secret, "etc/file", "--pem-path", own])
    #expect(warned.status == 0 && warned.errors.contains("others can read"), "\(warned.errors)")
  }
}
