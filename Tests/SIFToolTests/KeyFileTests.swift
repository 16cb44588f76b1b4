import TestSupport
import Testing

/// Files of keys as people have them: copied from pages, joined, in other forms, or no keys at all.
@Suite struct KeyFileTests {
  private let directory: Scratch
  private let image: String
  private let armored: String

  init() throws {
    directory = try Scratch()
    image = directory.file("image.sif")
    armored = String(decoding: try Fixture.read("keys/ed25519.pub.asc"), as: UTF8.self)
    try Siftool.check("new", image)
    try Siftool.check(
      "add", image, try directory.write("one", "one"), "--datatype", "generic", "--groupid", "1")
    try Siftool.check("sign", image, "--key", Fixture.path("keys/ed25519.sec.asc"))
    try Siftool.check("sign", image, "--key", Fixture.path("keys/pem-p256.pem"))
  }

  private func verify(_ keys: String...) throws -> ToolAnswer {
    try Siftool.run(["verify", image, "--sif-id", "1"] + keys.flatMap { ["--key", $0] }, in: directory)
  }

  private let pem = Fixture.path("keys/pem-p256.pub.pem")

  /// What RFC 9580 section 6 lets pass, and GnuPG does, too.
  @Test func armorAsPeopleHaveIt() throws {
    let begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
    let lines = armored.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    let sum = try #require(lines.first { $0.hasPrefix("=") && $0.count == 5 })
    let wrong = sum == "=AAAA" ? "=AAAB" : "=AAAA"
    let other = String(decoding: try Fixture.read("keys/rsa2048.pub.asc"), as: UTF8.self)
    let mark = "\u{FEFF}"
    let cases = [
      armored, mark + armored, armored.replacing(begin, with: begin + "  \t"),
      armored.replacing("-----\n", with: "----- \n"), lines.map { $0 + " \t" }.joined(separator: "\n"),
      lines.map { "    " + $0 }.joined(separator: "\n"), armored.replacing("\n", with: "\r\n"),
      armored.replacing("\n", with: "\r"), armored.replacing(begin, with: begin + "\nX-Foo: bar\nHash: none"),
      armored.replacing(begin + "\n", with: begin + "\n \t"), armored.replacing(sum, with: wrong),
      armored.replacing(sum + "\n", with: ""), armored.replacing(sum, with: "=AA"),
      armored.replacing("-----END", with: "\n\n-----END"), armored.replacing(sum + "\n", with: sum),
      other + armored, armored + other, mark + other + mark + armored,
      String(other.dropLast()) + armored, String(armored.dropLast()) + other, String(armored.dropLast()),
      "Grüße,\nhere is the key:\n" + armored + "Bye\n", "Ärger\n" + armored,
      // Something broken before and after it.
      begin + "\n\nAAAA\n" + armored, begin + "\n\n@@@@\n-----END PGP PUBLIC KEY BLOCK-----\n" + armored,
      armored + begin + "\n\nAAAA\n",
      "-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n" + armored,
      begin + "\n\n"
        + lines.dropFirst().filter { !$0.isEmpty && !$0.hasPrefix("=") && !$0.hasPrefix("-") }.joined()
        + "\n-----END PGP PUBLIC KEY BLOCK-----\n",
      begin + "\n" + lines.dropFirst(2).joined(separator: "\n"),
    ]
    for (number, text) in cases.enumerated() {
      let file = try directory.write("key", text)
      let answer = try verify(file, pem)
      #expect(answer.status == 0, "case \(number): \(text)\n\(answer.errors)")
      // The same file is imported.
      #expect(try Siftool.run("key", "import", file, in: try Scratch()).status == 0, "case \(number)")
    }
    // What is skipped is told.
    for (text, words) in [
      (armored.replacing(sum, with: wrong), "a checksum that is not that of its block"),
      (armored + begin + "\n\nAAAA\n", "without its last line"),
      ("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n" + armored, "PGP MESSAGE"),
      (String(decoding: try Tool.read(pem), as: UTF8.self) + armored, "PUBLIC KEY"),
    ] {
      let answer = try verify(try directory.write("key", text), pem)
      #expect(answer.status == 0)
      #expect(answer.errors.contains(words), "\(answer.errors)")
    }
    // GnuPG takes most of them.
    for number in [2, 6, 11, 16] {
      #expect(try GnuPG().run(["--import"], input: Array(cases[number].utf8)).status == 0, "case \(number)")
    }
  }

  /// The armor in an image stays what it was: strict.
  @Test func armorInImages() throws {
    let message = try Siftool.check("dump", "2", image).text
    let list = try Siftool.check("list", "--json", image).text
    #expect(list.contains("signature"))
    for changed in [
      message.replacing("SIGNATURE-----\n", with: "SIGNATURE----- \n"), "\u{FEFF}" + message,
      message.replacing("BEGIN PGP SIGNATURE-----\n", with: "BEGIN PGP SIGNATURE-----\nX-Foo: bar\n"),
    ] {
      let copy = directory.file("copy.sif")
      try Tool.check(["cp", image, copy])
      try Siftool.check("del", "2", copy)
      try Siftool.check(
        "add", copy, try directory.write("message", changed), "--datatype", "signature", "--signhash",
        "sha256",
        "--signentity", String(repeating: "0", count: 40), "--link-group", "1")
      #expect(try Siftool.run("verify", copy, "--key", Fixture.path("keys/ed25519.pub.asc")).status == 4)
    }
  }

  @Test func pemAsPeopleHaveIt() throws {
    let text = String(decoding: try Tool.read(pem), as: UTF8.self)
    let other = String(decoding: try Fixture.read("keys/pem-ed25519.pub.pem"), as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    for changed in [
      "\u{FEFF}" + text, lines.map { "  " + $0 + " \t" }.joined(separator: "\n"),
      text.replacing("\n", with: "\r"),
      text.replacing("\n", with: "\r\n"), String(text.dropLast()) + other, String(other.dropLast()) + text,
      "\u{FEFF}" + other + "\u{FEFF}" + text, text.replacing("-----END", with: "\n\n-----END"),
      lines[0] + "\n" + lines[1].prefix(20) + " " + lines[1].dropFirst(20) + "\n"
        + lines[2...].joined(separator: "\n"),
    ] {
      let answer = try verify(try directory.write("key.pem", changed), Fixture.path("keys/ed25519.pub.asc"))
      #expect(answer.status == 0, "\(changed)\n\(answer.errors)")
    }
  }

  private func expect(
    _ file: String, _ words: String..., secret: Bool = false,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    try Tool.check(["chmod", "600", file])
    var answers = [try Siftool.run("verify", image, "--key", file, in: directory)]
    answers.append(try Siftool.run("verify", image, "--key", pem, "--key", file, in: directory))
    answers.append(try Siftool.run("sign", image, "--key", file, in: directory))
    for answer in answers {
      #expect(answer.status == 6, "\(answer.errors)", sourceLocation: sourceLocation)
      #expect(answer.errors.contains("\(file): "), "\(answer.errors)", sourceLocation: sourceLocation)
      for word in words {
        #expect(answer.errors.contains(word), "\(answer.errors)", sourceLocation: sourceLocation)
      }
    }
  }

  @Test func keysOfOpenSSH() throws {
    for (algorithm, way) in [("rsa", "PKCS8"), ("ecdsa", "PKCS8"), ("ed25519", "")] {
      let file = directory.file(algorithm)
      try Tool.check(["ssh-keygen", "-q", "-t", algorithm, "-N", "", "-f", file])
      try expect(file, "a private key of OpenSSH", way)
      try expect(file + ".pub", "a public key of OpenSSH", way)
      guard !way.isEmpty else { continue }
      // The ways out lead out.
      let open = try Tool.check(["ssh-keygen", "-e", "-m", "PKCS8", "-f", file + ".pub"]).output
      try Tool.check(["ssh-keygen", "-q", "-p", "-N", "", "-m", "PKCS8", "-f", file])
      try Siftool.check("sign", image, "--key", file)
      let answer = try Siftool.run(
        "verify", image, "--key", try directory.write("open.pem", open), "--key", pem, "--key",
        Fixture.path("keys/ed25519.pub.asc"), in: directory)
      #expect(answer.status == 0 || algorithm == "ecdsa", "\(answer.text)\(answer.errors)")
    }
    let other = try Tool.check(["ssh-keygen", "-e", "-f", directory.file("ed25519.pub")]).output
    try expect(try directory.write("ssh2", other), "a public key of SSH2")
    try expect(
      try directory.write("putty", "PuTTY-User-Key-File-3: ssh-rsa\nEncryption: none\n"), "a key of PuTTY")
  }

  @Test func filesThatAreNoKeys() throws {
    let (key, certificate) = (directory.file("key.pem"), directory.file("certificate"))
    try Tool.check([
      "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
      "-subj",
      "/CN=test", "-days", "2",
    ])
    try expect(certificate, "an X.509 certificate", "openssl x509")
    try Tool.check(["openssl", "x509", "-in", certificate, "-outform", "DER", "-out", directory.file("der")])
    try expect(directory.file("der"), "DER", "openssl")
    try Tool.check([
      "openssl", "pkcs12", "-export", "-inkey", key, "-in", certificate, "-passout", "pass:x", "-out",
      directory.file("p12"),
    ])
    try expect(directory.file("p12"), "DER")
    for (name, encoding) in [("armored", "UTF-16"), ("big", "UTF-16BE"), ("little", "UTF-16LE")] {
      let text = try Tool.check(["iconv", "-t", encoding], input: Array(armored.utf8)).output
      try expect(try directory.write(name, text), "UTF-16", "iconv")
      let other = try Tool.check(["iconv", "-t", encoding, pem]).output
      try expect(try directory.write(name, other), "UTF-16")
    }
    try expect(
      try directory.write("page", "\n<!DOCTYPE html><html><body>Sign in</body></html>\n"), "an HTML page")
    try expect(
      try directory.write("pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n"),
      "a Git LFS pointer")
    try Tool.check(["cp", image, directory.file("other.sif")])
    try expect(directory.file("other.sif"), "a SIF image, not a key")
  }

  /// Images that are none: the same words everywhere.
  @Test func filesThatAreNoImages() throws {
    try Tool.check(["mkdir", directory.file("root")])
    try Tool.check([
      "mksquashfs", directory.file("root"), directory.file("squashfs"), "-quiet", "-no-progress",
    ])
    let squashfs = try directory.read("squashfs")
    for (content, words) in [
      (Array("#!/usr/bin/env run-singularity\n".utf8) + squashfs, "an image of Singularity 2"),
      (squashfs, "a squashfs image"), (Array("<!doctype html>\n<title>404</title>".utf8), "an HTML page"),
      (Array("<html lang=en>".utf8) + [UInt8](repeating: 0x20, count: 200), "an HTML page"),
      (
        Array("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n".utf8), "git lfs pull"
      ), (try Tool.check(["gzip", "-c", image]).output, "compressed with gzip"),
    ] {
      let file = try directory.write("no.sif", content)
      for arguments in [
        ["list", file], ["verify", file, "--key", pem], ["check", file], ["sign", file, "--key", pem],
      ] {
        let answer = try Siftool.run(arguments, in: directory)
        guard arguments[0] != "sign" else { continue }
        #expect(answer.status == 5, "\(arguments): \(answer.errors)")
        #expect((answer.text + answer.errors).contains(words), "\(arguments): \(answer.text)\(answer.errors)")
      }
    }
  }

  /// A bad file among several is named, whatever it is bad for.
  @Test func theBadFileIsNamed() throws {
    let bad = try directory.write("bad.pem", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    let weak = Fixture.path("keys/pem-rsa1024.pub.pem")
    for file in [bad, weak, directory.file("none")] {
      for keys in [[pem, file], [file, pem]] {
        let options = keys.flatMap { ["--key", $0] }
        for command in [["verify", image], ["scan", directory.path, "--quiet"]] {
          let answer = try Siftool.run(command + options, in: directory)
          #expect(answer.status == (file.hasSuffix("none") ? 7 : 6))
          #expect(answer.errors.contains("\(file): "), "\(answer.errors)")
        }
      }
    }
    let root = try directory.write(
      "root.tar", try Tool.check(["tar", "-c", "-C", directory.path, "one"]).output)
    let rsa = Fixture.path("keys/pem-rsa.pub.pem")
    let packed = try Siftool.run(
      "pack", root, directory.file("packed.sif"), "--encrypt", "--pem-path", rsa, "--pem-path", bad,
      in: directory)
    #expect(packed.errors.contains("\(bad): "), "\(packed.errors)")
  }

  /// Which of two private keys is meant must not depend on their order.
  @Test func severalPrivateKeysInOneFile() throws {
    let (one, two) = (try Fixture.read("keys/pem-p256.pem"), try Fixture.read("keys/pem-ed25519.pem"))
    for text in [one + two, two + one] {
      let file = try directory.write("two.pem", text)
      let answer = try Siftool.run("sign", image, "--key", file, in: directory)
      #expect(answer.status == 6)
      #expect(answer.errors.contains("several private keys"), "\(answer.errors)")
    }
  }
}
