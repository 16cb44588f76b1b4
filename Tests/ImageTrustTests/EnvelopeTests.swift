import Gcrypt
import ImageTrust
import PEMKeys
import SIF
import StrictJSON
import TestSupport
import Testing

@testable import DSSE

private let metadata = Array("{\"version\":1,\"header\":{\"digest\":\"sha256:00\"},\"objects\":[]}".utf8)

private func privateKey(_ name: String) throws -> PEMPrivateKey {
  let text = try Fixture.read("keys/\(name).pem")
  return try PEMPrivateKey.read(text.span)
}

private func publicKeys(_ name: String) throws -> [PublicKey] {
  let text = try Fixture.read("keys/\(name).pem")
  return try PEMPublicKey.read(text)
}

private func python(_ arguments: [String], input: [UInt8] = []) throws -> ToolAnswer {
  try Tool.run(["/usr/bin/python3", "\(Fixture.root)/Tests/Oracle/dsse.py"] + arguments, input: input)
}

private func envelope(_ names: String...) throws -> [UInt8] {
  try DSSESigner(try names.map { try privateKey($0) }).sign(metadata, at: .none).bytes
}

private func open(_ envelope: [UInt8], _ names: String...) throws -> OpenedMessage {
  try DSSEVerifier(names.flatMap { try publicKeys($0) }).open(envelope)
}

@Suite struct EnvelopeTests {
  @Test(arguments: ["pem-rsa", "pem-p256", "pem-p384", "pem-p521", "pem-ed25519"])
  func bothWaysWithPython(name: String) throws {
    let ours = try envelope(name)
    let answer = try python(["verify", Fixture.path("keys/\(name).pub.pem")], input: ours)
    #expect(answer.status == 0, "\(answer.errors)")
    #expect(answer.output == metadata)
    let theirs = try python(["sign", Fixture.path("keys/\(name).pem")], input: metadata)
    let opened = try open(theirs.output, "\(name).pub")
    #expect(opened.verdict == nil)
    #expect(opened.text == metadata)
    // RSA and Ed25519 make one signature of one text.
    if !name.hasPrefix("pem-p") { #expect(ours == theirs.output) }
  }

  /// Of any length that an envelope may have: Ed25519 signs the text itself, not its digest.
  @Test(arguments: [65_485, 65_486, 65_536, 1 << 20, 3_100_000])
  func longPayloads(count: Int) throws {
    let text = metadata + [UInt8](repeating: 0x20, count: count - metadata.count)
    for name in ["pem-ed25519", "pem-p256"] {
      let verifier = DSSEVerifier(try publicKeys("\(name).pub"))
      let ours = try DSSESigner([try privateKey(name)]).sign(text, at: .none).bytes
      let answer = try python(["verify", Fixture.path("keys/\(name).pub.pem")], input: ours)
      #expect(answer.output == text, "\(answer.errors)")
      let theirs = try python(["sign", Fixture.path("keys/\(name).pem")], input: text).output
      let opened = verifier.open(theirs)
      #expect(opened.verdict == nil)
      #expect(opened.text == text)
      if name == "pem-ed25519" { #expect(ours == theirs) }
      var changed = text
      changed[count - 1] = 0x0A
      let good = try Envelope(reading: ours)
      let forged = Envelope(
        payloadType: good.payloadType, payload: changed, signatures: good.signatures)
      #expect(verifier.open(forged.encoded).verdict?.code == "bad-signature")
    }
  }

  /// Numbers of a signature that are longer than libgcrypt can hold.
  @Test func giantNumbers() throws {
    let verifier = DSSEVerifier(
      try ["pem-p256", "pem-p521", "pem-rsa", "pem-ed25519"].flatMap { try publicKeys("\($0).pub") })
    let number = [UInt8](repeating: 1, count: 70_000)
    let integer: [UInt8] = [0x02, 0x83, 0x01, 0x11, 0x70] + number
    for bytes in [number, [0x30, 0x83, 0x02, 0x22, 0xEA] + integer + integer] {
      let envelope = Envelope(
        payloadType: DSSESigner.payloadType, payload: metadata,
        signatures: [Envelope.Signature(keyID: "", bytes: bytes)])
      #expect(verifier.open(envelope.encoded).verdict?.code == "unknown-key")
    }
  }

  @Test func severalSigners() throws {
    let both = try envelope("pem-rsa", "pem-ed25519")
    let answer = try python(
      ["verify", Fixture.path("keys/pem-rsa.pub.pem"), Fixture.path("keys/pem-ed25519.pub.pem")], input: both)
    #expect(answer.status == 0, "\(answer.errors)")
    let all = try open(both, "pem-rsa.pub", "pem-ed25519.pub")
    #expect(all.verdict == nil)
    #expect(Set(all.signers.compactMap(\.identity)).count == 2)
    // One key is enough, as it is for the reference; the other signer stays unknown.
    let one = try open(both, "pem-rsa.pub")
    #expect(one.verdict == nil)
    #expect(one.signers.map { $0.fault?.code } == [nil, "unknown-key"])
    #expect(try open(both, "pem-p256.pub").verdict?.code == "unknown-key")
  }

  /// A signature that names one of our keys and is not by it is bad, whoever else signed.
  @Test func aBadSignatureBesideAGoodOne() throws {
    let both = try Envelope(reading: try envelope("pem-rsa", "pem-ed25519"))
    var bad = both.signatures[0].bytes
    bad[9] ^= 1
    let forged = Envelope(
      payloadType: both.payloadType, payload: both.payload,
      signatures: [Envelope.Signature(keyID: both.signatures[0].keyID, bytes: bad), both.signatures[1]])
    #expect(try open(forged.encoded, "pem-rsa.pub", "pem-ed25519.pub").verdict?.code == "bad-signature")
  }

  @Test func aWrongKeyIDMisleadsNobody() throws {
    let good = try Envelope(reading: try envelope("pem-p256"))
    for keyID in ["", "SHA256:AAAA", try publicKeys("pem-rsa.pub")[0].sshFingerprint()] {
      let renamed = Envelope(
        payloadType: good.payloadType, payload: good.payload,
        signatures: [Envelope.Signature(keyID: keyID, bytes: good.signatures[0].bytes)])
      #expect(try open(renamed.encoded, "pem-p256.pub").verdict == nil)
      #expect(try open(renamed.encoded, "pem-p384.pub").verdict?.code == "unknown-key")
    }
  }

  @Test func whatIsNoEnvelope() throws {
    let good = String(decoding: try envelope("pem-ed25519"), as: UTF8.self)
    for (text, code) in [
      (good.replacing("sif-metadata", with: "sif-metadatb"), "wrong-payload-type"),
      (good.replacing("application/", with: "Application/"), "wrong-payload-type"),
      ("{\"payloadType\":\"\(DSSESigner.payloadType)\",\"payload\":\"\",\"signatures\":[]}", "no-signature"),
      (good + " x", "malformed-envelope"), (good + good, "malformed-envelope"),
      (good.replacing("{\"payloadType\"", with: "{\"payload\":\"\",\"payloadType\""), "malformed-envelope"),
      (good.replacing("\"keyid\":\"", with: "\"keyid\":\"x\",\"keyid\":\""), "malformed-envelope"),
      (good.replacing("\"sig\":\"", with: "\"sig\":\"*"), "malformed-envelope"),
      (good.replacing("\"payload\":\"", with: "\"payload\":\" "), "malformed-envelope"),
      (good.replacing("\"sig\"", with: "\"gis\""), "malformed-envelope"), ("{}", "malformed-envelope"),
      ("[]", "malformed-envelope"), ("{", "malformed-envelope"),
    ] {
      let opened = try open(Array(text.utf8), "pem-ed25519.pub")
      #expect(opened.verdict?.code == code, "\(text)")
      #expect(opened.text == nil)
    }
  }

  /// Go's decoder, the reference's, takes a member for another whose name differs in case, and the last of two. A
  /// second statement that we would not look at is refused; so is every envelope that Go reads another way.
  @Test func membersThatDifferInCase() throws {
    let good = String(decoding: try envelope("pem-ed25519"), as: UTF8.self)
    func inserted(_ member: String, at place: String) -> String {
      good.replacing(place, with: "\(member),\(place)")
    }
    let theirs = try GoOracle.run(["envelope"], input: Array(good.utf8)).text
    #expect(theirs.hasPrefix(DSSESigner.payloadType))
    for changed in [
      good.replacing("}]}", with: "}],\"Payload\":\"ZXZpbA==\"}"),
      good.replacing("}]}", with: "}],\"PAYLOADTYPE\":\"evil\"}"),
      good.replacing("}]}", with: "}],\"payload\":\"ZXZpbA==\"}"),
      good.replacing("}]}", with: "}],\"SIGNATURES\":[]}"),
      good.replacing("}]}", with: "}],\"\u{17F}ignatures\":[]}"),
      good.replacing("\"}]", with: "\",\"\u{17F}ig\":\"ZXZpbA==\"}]"),
      good.replacing("\"}]", with: "\",\"\\u017Fig\":\"ZXZpbA==\"}]"),
      good.replacing("\"}]", with: "\",\"\u{212A}eyID\":\"evil\"}]"),
      good.replacing("\"}]", with: "\",\"Sig\":\"ZXZpbA==\"}]"),
    ] {
      #expect(changed != good)
      let decoded = try GoOracle.run(["envelope"], input: Array(changed.utf8))
      #expect(decoded.status == 0, "\(decoded.errors)")
      #expect(decoded.text != theirs, "Go reads \(changed) as it reads the original")
      let opened = try open(Array(changed.utf8), "pem-ed25519.pub")
      #expect(opened.verdict?.code == "malformed-envelope", "\(changed)")
    }
    // In place of the right names: Go takes them, we do not.
    for (name, other) in [("payload\"", "Payload\""), ("\"sig\"", "\"SIG\""), ("signatures", "Signatures")] {
      let changed = Array(good.replacing(name, with: other).utf8)
      #expect(try GoOracle.run(["envelope"], input: changed).text == theirs)
      #expect(try open(changed, "pem-ed25519.pub").verdict?.code == "malformed-envelope")
    }
    // What no reader takes for something else is passed over.
    for harmless in ["\"extra\":1", "\"payloads\":\"\"", "\"PAYLOAD TYPE\":1"] {
      let changed = Array(inserted(harmless, at: "\"payloadType\"").utf8)
      #expect(try GoOracle.run(["envelope"], input: changed).text == theirs)
      #expect(try open(changed, "pem-ed25519.pub").verdict == nil)
    }
  }

  /// Every byte of an envelope changed: bad, or the same payload with the same signature.
  @Test func everyByteChanged() throws {
    let good = try envelope("pem-ed25519")
    let verifier = DSSEVerifier(try publicKeys("pem-ed25519.pub"))
    for index in good.indices {
      var changed = good
      changed[index] ^= 1
      let opened = verifier.open(changed)
      if opened.verdict == nil { #expect(opened.text == metadata) }
    }
  }

  /// Only one encoding of two numbers is a signature.
  @Test func lenientDER() throws {
    let good = try Envelope(reading: try envelope("pem-p256"))
    let bytes = good.signatures[0].bytes
    let verifier = DSSEVerifier(try publicKeys("pem-p256.pub"))
    let others: [[UInt8]] = [
      bytes + [0], [0x30, 0x81] + bytes.dropFirst(), Array(bytes.dropLast()), [], [0x30, 0],
    ]
    for other in others {
      let changed = Envelope(
        payloadType: good.payloadType, payload: good.payload,
        signatures: [Envelope.Signature(keyID: "", bytes: other)])
      #expect(verifier.open(changed.encoded).verdict != nil)
    }
  }
}
