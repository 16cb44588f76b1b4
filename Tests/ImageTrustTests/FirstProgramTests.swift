import Gcrypt
import ImageTrust
import SIF
import TestSupport
import Testing

/// Answers with one passphrase, and keeps which keys it was asked for.
private final class Answers: PassphraseProvider {
  let text: String?
  var keys: [LockedKey] = []

  init(_ text: String?) { self.text = text }

  func passphrase(for key: LockedKey) throws -> SecureBytes? {
    keys.append(key)
    guard let text else { return nil }
    return try SecureBytes(copying: Array(text.utf8).span)
  }
}

/// What a program outside of this package writes: no internals, paths as text.
@Suite struct FirstProgramTests {
  private let directory: Scratch

  init() throws {
    directory = try Scratch()
  }

  private func key(_ name: String, mode: String = "600") throws -> String {
    let path = try directory.write(name, try Fixture.read("keys/\(name)"))
    try Tool.check(["chmod", mode, path])
    return path
  }

  /// A signed image in a file.
  private func image(signedWith key: String, _ passphrases: Answers) throws -> Image {
    let path = try directory.write("image.sif", try sampleImage().bytes)
    var editor = try ImageEditor(opening: .init(path))
    let identity = try SigningIdentity(contentsOf: key, at: day(2), passphrases: passphrases)
    try ImageSigner.sign(&editor, with: identity, at: day(2))
    return try Image(reading: try FileStorage(opening: .init(path)))
  }

  @Test(arguments: [
    ("rsa2048.sec.asc", "rsa2048.pub.asc"), ("pem-ed25519.pem", "pem-ed25519.pub.pem"),
    ("pem-rsa.pem", "pem-rsa.pem"),
  ])
  func signAndVerify(secret: String, trusted: String) throws {
    let passphrases = Answers("never asked for")
    let image = try image(signedWith: try key(secret), passphrases)
    #expect(passphrases.keys.isEmpty)
    let keys = try TrustedKeys(contentsOf: Fixture.path("keys/\(trusted)"))
    let report = try image.verify(with: keys)
    #expect(report.verdict == .ok, "\(report.reasons)")
    #expect(report.objects.allSatisfy { $0.signedBy.count == 1 })
    // Which keys there are decides what a signature without one of them is.
    #expect(try image.verify(with: TrustedKeys()).verdict == .noKey)
    let others = try TrustedKeys(contentsOf: Fixture.path("keys/nistp256.pub.asc"))
    #expect(try image.verify(with: others).verdict == .untrusted)
  }

  @Test(arguments: ["locked.sec.asc", "pem-rsa.aes256.pem"])
  func passphrases(name: String) throws {
    let path = try key(name)
    let right = Answers("correct horse")
    _ = try image(signedWith: path, right)
    #expect(right.keys.count == 1)
    let none = Answers(nil)
    let error = #expect(throws: KeyError.self) { _ = try image(signedWith: path, none) }
    guard case .locked(let key) = error else {
      Issue.record("\(String(describing: error))")
      return
    }
    #expect(none.keys == [key])
    #expect(error?.identifier == "passphrase-needed" && error?.kind == .key)
  }

  @Test func notices() throws {
    let path = try key("rsa2048.sec.asc", mode: "644")
    var notices: [KeyNotice] = []
    _ = try SigningIdentity(contentsOf: path, at: day(2), passphrases: Answers(nil)) {
      notices.append($0)
    }
    #expect(notices == [.sharedPrivateKey(.init(path))])
    #expect(notices.first?.description.hasSuffix("chmod 600 it") == true)
  }

  @Test func reportOnAFileThatIsNoImage() throws {
    let path = try directory.write("text", Array("no image".utf8))
    let report = try VerificationReport(onFileAt: path) { try $0.verify(with: TrustedKeys()) }
    #expect(report.verdict == .malformed && report.error?.code == .notSIF)
    #expect(throws: SIFError.self) {
      _ = try VerificationReport(onFileAt: path + "x") { try $0.verify(with: TrustedKeys()) }
    }
  }

  /// A signature of before its key expired counts, and says when the key did.
  @Test func keyExpiredSince() throws {
    let image = try image(signedWith: try key("expires.sec.asc"), Answers(nil))
    let keys = try TrustedKeys(contentsOf: Fixture.path("keys/expires.pub.asc"))
    let report = try ImageVerification(keys, at: .now).report(on: image)
    #expect(report.verdict == .ok, "\(report.reasons)")
    let signer = try #require(report.signatures.first?.validSigners.first)
    let expiry = try #require(signer.keyExpiredAt)
    #expect(signer.remark == "its key expired on \(expiry.iso8601), after signing")
    let before = try ImageVerification(keys, at: day(2)).report(on: image)
    #expect(before.signatures.first?.validSigners.first?.keyExpiredAt == nil)
  }
}
