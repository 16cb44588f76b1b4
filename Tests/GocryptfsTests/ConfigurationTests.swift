import Bytes
import Testing
import TestSupport

@testable import Gocryptfs

/// The configuration: what is accepted, what is refused and how, and what gocryptfs says of it.
@Suite struct ConfigurationTests {
  private let text: String

  init() throws { text = String(decoding: try EncryptedFiles().configuration.text, as: UTF8.self) }

  private func fault(_ text: String) -> GocryptfsError? {
    do throws(GocryptfsError) {
      _ = try Configuration(reading: Array(text.utf8))
      return nil
    } catch { return error }
  }

  private func changed(_ old: String, _ new: String) -> String {
    #expect(text.contains(old), "\(old) is not in \(text)")
    return text.replacing(old, with: new)
  }

  @Test func reading() throws {
    let read = try Configuration(reading: Array(text.utf8))
    #expect(read.cost == EncryptedFiles.cheap && read.creator == "test")
    #expect(read.features == ["HKDF", "GCMIV128", "PlaintextNames"])
    #expect(read.text == Array(text.utf8))
    #expect(fault(changed("\"PlaintextNames\"", "\"DirIV\", \"EMENames\", \"LongNames\", \"Raw64\"")) == nil)
  }

  @Test func malformed() {
    for broken in [
      "", "{", "[]", "null", text + "x", String(text.dropLast(2)),
      changed("\"Version\": 2", "\"Version\": \"2\""),
      changed("\"Version\"", "\"Verzion\""), changed("\"Version\": 2", "\"Version\": 2, \"Version\": 2"),
      changed("\"N\": 1024", "\"N\": 1024, \"N\": 2048"), changed("\"N\": 1024", "\"N\": 1025"),
      changed("\"N\": 1024", "\"N\": 512"), changed("\"N\": 1024", "\"N\": -1024"),
      changed("\"N\": 1024", "\"N\": 1e3"), changed("\"N\": 1024", "\"N\": 99999999999999999999"),
      changed("\"N\": 1024,", ""), changed("\"R\": 8", "\"R\": 0"), changed("\"P\": 1", "\"P\": 0"),
      changed("\"KeyLen\": 32", "\"KeyLen\": 1073741824"), changed("\"Salt\": \"", "\"Salt\": \"AA"),
      changed("\"Salt\": \"", "\"Salt\": \"AAAA\", \"x\": \""),
      changed("\"EncryptedKey\": \"", "\"EncryptedKey\": \"AAAA"),
      changed("\"EncryptedKey\"", "\"Encryptedkey\""),
      changed("\"ScryptObject\": {", "\"ScryptObject\": 1, \"x\": {"),
      changed("\"FeatureFlags\": [", "\"FeatureFlags\": [1, "), changed("\"PlaintextNames\"", "\"Raw64\""),
      changed("\"PlaintextNames\"", "\"PlaintextNames\", \"EMENames\""),
      changed("\"Creator\"", "\"x\": " + String(repeating: "[", count: 2000) + ", \"Creator\""),
      changed("\"Creator\"", "\"x\": \"" + String(repeating: "x", count: 70_000) + "\", \"Creator\""),
    ] {
      let fault = fault(broken)
      #expect(
        fault?.code == .configuration && fault?.kind == .malformed, "\(broken): \(String(describing: fault))")
    }
  }

  @Test(arguments: ["AESSIV", "XChaCha20Poly1305", "FIDO2", "Something\u{1B}[2J"])
  func unsupported(feature: String) {
    let name = feature.contains("\u{1B}") ? "Something\\u001b[2J" : feature
    let fault = fault(changed("\"HKDF\",", "\"HKDF\", \"\(name)\","))
    #expect(fault?.code == .unsupported, "\(String(describing: fault))")
    #expect(
      fault?.description.contains(feature.prefix(9)) == true && fault?.description.contains("\u{1B}") == false
    )
  }

  @Test func olderFormats() {
    #expect(fault(changed("\"HKDF\",", ""))?.description.contains("without HKDF") == true)
    #expect(fault(changed("\"GCMIV128\",", ""))?.code == .unsupported)
    #expect(fault(changed("\"Version\": 2", "\"Version\": 1"))?.code == .unsupported)
  }

  /// What costs too much is refused before anything is derived, and what libgcrypt cannot do is refused in any case.
  @Test func costs() throws {
    for change in [
      ("\"N\": 1024", "\"N\": \(1 << 40)"), ("\"N\": 1024", "\"N\": \(1 << 62)"),
      ("\"R\": 8", "\"R\": \(1 << 40)"),
      ("\"R\": 8", "\"R\": \(Int64.max)"), ("\"P\": 1", "\"P\": \(Int64.max)"), ("\"P\": 1", "\"P\": 100000"),
    ] {
      let read = try Configuration(reading: Array(changed(change.0, change.1).utf8))
      let fault = #expect(throws: GocryptfsError.self, "\(change)") { try read.cost.check(available: .max) }
      #expect(fault?.code == .cost)
      #expect(!read.cost.description.isEmpty)
    }
    try ScryptCost.standard.check(available: .max)
    let small = #expect(throws: GocryptfsError.self) { try ScryptCost.standard.check(available: 1 << 20) }
    #expect(small?.code == .cost)
    let phrase = Array("secret".utf8)
    for change in [("\"R\": 8", "\"R\": 16"), ("\"N\": 1024", "\"N\": \(1 << 40)")] {
      let read = try Configuration(reading: Array(changed(change.0, change.1).utf8))
      let fault = #expect(throws: GocryptfsError.self) { try read.unlock(phrase.span) }
      #expect(fault?.code == .unsupported)
    }
  }

  @Test func keys() throws {
    let read = try Configuration(reading: Array(text.utf8))
    let plain = pattern(10_000)
    let encrypted = try EncryptedFiles().encrypt(plain)
    let files = try EncryptedFiles(passphrase: "pass phrase")
    let phrase = Array("pass phrase".utf8)
    let key = try files.configuration.unlock(phrase.span)
    let reader = try FileReader(MemoryReader(try files.encrypt(plain)), key: key)
    #expect(try reader.read(10_000, at: 0) == plain)
    #expect(throws: StorageFault.self) {
      try FileReader(MemoryReader(encrypted), key: key).read(1, at: 0)
    }
    for wrong in ["", "Secret", "secret\n"] {
      let bytes = Array(wrong.utf8)
      let fault = #expect(throws: GocryptfsError.self) { try read.unlock(bytes.span) }
      #expect(fault?.code == .wrongKey && fault?.kind == .key)
    }
    // The salt and the key are all that is protected, and a change looks like a wrong key.
    let right = Array("secret".utf8)
    for name in ["Salt", "EncryptedKey"] {
      let at = text.ranges(of: "\"\(name)\": \"")[0].upperBound
      let old = text[at]
      let other = text[..<at] + (old == "A" ? "B" : "A") + text[text.index(after: at)...]
      let fault = #expect(throws: GocryptfsError.self) {
        try Configuration(reading: Array(String(other).utf8)).unlock(right.span)
      }
      #expect(fault?.code == .wrongKey)
    }
  }

  @Test(arguments: ["", "two\nlines", String(repeating: "x", count: 2049)])
  func passphrasesThatGocryptfsCannotRead(phrase: String) {
    let bytes = Array(phrase.utf8)
    let fault = #expect(throws: GocryptfsError.self) {
      try Configuration.make(passphrase: bytes.span, creator: "test", cost: EncryptedFiles.cheap)
    }
    #expect(fault?.code == .invalidArgument)
  }

  /// gocryptfs reads what this module makes, and the reverse, without mounting anything.
  @Test func againstGocryptfs() throws {
    let directory = try Scratch()
    try Shell.check(
      "mkdir theirs ours; printf 'their phrase\\n' > phrase; gocryptfs -q -init -scryptn 10 -plaintextnames -passfile phrase theirs",
      in: directory)
    let theirs = try Configuration(reading: directory.read("theirs/gocryptfs.conf"))
    #expect(theirs.cost.iterations == 1024 && theirs.creator.hasPrefix("gocryptfs"))
    let phrase = Array("their phrase".utf8)
    _ = try theirs.unlock(phrase.span)
    let made = try Configuration.make(passphrase: phrase.span, creator: "test", cost: EncryptedFiles.cheap)
    try directory.write("ours/gocryptfs.conf", made.configuration.text)
    let info = try Shell.check("gocryptfs -info ours", in: directory)
    #expect(info.text.contains("N=1024 R=8 P=1") && info.text.contains("PlaintextNames"), "\(info.text)")
    // The key that it finds is 32 bytes in hexadecimal digits.
    let key = try Shell.check("gocryptfs-xray -dumpmasterkey ours/gocryptfs.conf < phrase", in: directory)
    #expect(key.text.contains { $0.isHexDigit } && key.status == 0)
  }
}
