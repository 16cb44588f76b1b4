import Glibc
import StrictJSON
import TestSupport
import Testing

/// `sign`: keys that are none, keys that do not go together, and what becomes of secrets.
@Suite struct SigningKeyTests {
  private let directory: Scratch
  private let image: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image.sif")
    try Siftool.check("new", image)
    let file = try directory.write("one", Array("one".utf8))
    try Siftool.check("add", image, file, "--datatype", "generic", "--groupid", "1")
  }

  private func key(_ name: String) throws -> String {
    let path = try directory.write(name, try Fixture.read("keys/\(name)"))
    try Tool.check(["chmod", "600", path])
    return path
  }

  private func expectRefusal(
    _ keys: [String], _ status: Int32, _ words: String, sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = try Tool.read(image)
    let answer = try Siftool.run(["sign", image] + keys.flatMap { ["--key", $0] }, in: directory)
    #expect(answer.status == status, "\(answer.errors)", sourceLocation: sourceLocation)
    #expect(answer.errors.contains(words), "\(answer.errors)", sourceLocation: sourceLocation)
    // A usage error is followed by the command that helps.
    let lines = status == 64 ? 2 : 1
    #expect(answer.errors.split(separator: "\n").count == lines, sourceLocation: sourceLocation)
    #expect(try Tool.read(image) == before, sourceLocation: sourceLocation)
  }

  @Test func keysThatAreNone() throws {
    for name in ["ed25519.pub.asc", "pem-p256.pub.pem", "ring.pgp"] {
      let path = try key(name)
      try expectRefusal([path], 6, "\(path): there is no private key, only a public one")
    }
    let text = try directory.write("text", Array("no key at all\n".utf8))
    let junk = try directory.write("junk", (0..<300).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 128) })
    let empty = try directory.write("empty", [])
    let certificate = try directory.write(
      "certificate", Array("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".utf8))
    let other = try directory.write("other.sif", try Tool.read(image))
    for path in [text, junk, empty, certificate, other] {
      try Tool.check(["chmod", "600", path])
      try expectRefusal([path], 6, "\(path): ")
    }
    try expectRefusal([directory.file("none")], 7, "none: No such file")
    try expectRefusal([try key("pem-rsa.aes256.pem")], 6, "pem-rsa.aes256.pem: the private key is encrypted")
  }

  @Test func keysThatDoNotGoTogether() throws {
    let (pgp, other, pem) = (try key("ed25519.sec.asc"), try key("rsa2048.sec.asc"), try key("pem-p256.pem"))
    for keys in [[pgp, other], [pgp, pem], [pem, pgp]] {
      try expectRefusal(keys, 64, "sign once for each --key")
    }
    let text = try directory.write("text", Array("no key at all\n".utf8))
    try Tool.check(["chmod", "600", text])
    try expectRefusal([pem, text], 6, "text: ")
  }

  /// One passphrase opens several keys, from wherever it comes.
  @Test func onePassphraseForSeveralKeys() throws {
    let keys = ["pem-p256.aes128.pem", "pem-rsa.aes256.pem"]
    let options = try keys.flatMap { ["--key", try key($0)] }
    let secret = try directory.write("secret", Array("correct horse\n".utf8))
    #expect(
      try Siftool.run(["sign", image] + options + ["--passphrase-file", secret], in: directory).status == 0)
    let signed = try Siftool.run(
      ["sign", image] + options, environment: ["SIFTOOL_PASSPHRASE": "correct horse"], in: directory)
    #expect(signed.status == 0, "\(signed.errors)")
    let publics = ["pem-p256.pub.pem", "pem-rsa.pub.pem"].flatMap { ["--key", Fixture.path("keys/\($0)")] }
    #expect(
      try Siftool.run(["verify", image, "--threshold", "2", "--strict"] + publics, in: directory).status == 0)
    // With one key of two the other signer's bytes are nobody's.
    #expect(try Siftool.run(["verify", image] + publics.prefix(2), in: directory).status == 0)
    #expect(try Siftool.run(["verify", image, "--strict"] + publics.prefix(2), in: directory).status == 2)
  }

  @Test func ungroupedObjects() throws {
    let add = ["add", image, directory.file("one"), "--datatype", "generic", "--groupid", "0"]
    #expect(try Siftool.run(add, in: directory).status == 0)
    let options = ["sign", image, "--key", try key("ed25519.sec.asc")]
    let answer = try Siftool.run(options, in: directory)
    #expect(answer.status == 0)
    #expect(answer.errors.contains("warning: object 2 is in no group, so it is not signed\n"))
    #expect(try Siftool.run(options + ["--quiet"], in: directory).errors.isEmpty)
  }

  @Test func quietLeavesOutWarnings() throws {
    let path = try key("ed25519.sec.asc")
    try Tool.check(["chmod", "644", path])
    #expect(try Siftool.run("sign", image, "--key", path, in: directory).errors.contains("others can read"))
    #expect(try Siftool.run("sign", image, "--key", path, "-q", in: directory).errors.isEmpty)
  }

  /// Variables with secrets are gone before anything else is waited for: while the passphrase is awaited, the key's
  /// variable can no longer be seen from outside.
  @Test func variablesAreRemoved() throws {
    let fifo = directory.file("fifo")
    try #require(mkfifo(fifo, 0o600) == 0)
    let text = String(decoding: try Fixture.read("keys/locked.sec.asc"), as: UTF8.self)
    let process = try Siftool.start(
      "sign", image, "--key-env", "SECRET_KEY", "--passphrase-file", fifo,
      environment: ["SECRET_KEY": text, "HOME": directory.path])
    // Returns when the tool opens the other end, for which it must have read the key.
    let descriptor = open(fifo, O_WRONLY)
    try #require(descriptor >= 0)
    let environment = try Tool.check(["cat", "/proc/\(process.process)/environ"]).text
    #expect(environment.contains("HOME="))
    #expect(!environment.contains("PRIVATE KEY"))
    #expect(write(descriptor, "correct horse\n", 14) == 14)
    close(descriptor)
    let answer = try process.wait()
    #expect(answer.status == 0, "\(answer.errors)")
  }

  /// gpg inherits no passphrase that is meant for us.
  @Test func childProcessesInheritNoPassphrase() throws {
    let gnupg = try GnuPG(importing: try Fixture.read("keys/ed25519.sec.asc"))
    let fingerprint = try gnupg.run(["--with-colons", "--list-keys"]).text.split(separator: "\n")
      .first { $0.hasPrefix("fpr:") }?.split(separator: ":").last
    let noted = directory.file("environment")
    let script = try directory.write(
      "gpg", Array("#!/bin/sh\nenv >> \(noted)\nexec /usr/bin/gpg \"$@\"\n".utf8))
    try Tool.check(["chmod", "755", script])
    let answer = try Siftool.run(
      "sign", image, "--gpg", String(try #require(fingerprint)),
      environment: [
        "GNUPGHOME": gnupg.path, "PATH": "\(directory.path):/usr/bin:/bin", "SIFTOOL_PASSPHRASE": "secret",
        "SINGULARITY_ENCRYPTION_PASSPHRASE": "secret",
      ], in: directory)
    #expect(answer.status == 0, "\(answer.errors)")
    let environment = String(decoding: try Tool.read(noted), as: UTF8.self)
    #expect(environment.contains("GNUPGHOME="))
    #expect(!environment.contains("PASSPHRASE"))
  }
}
