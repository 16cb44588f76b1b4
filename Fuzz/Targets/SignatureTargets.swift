import DSSE
import Gcrypt
import Glibc
import ImageTrust
import OpenPGP
import PEMKeys
import SIF
import StrictJSON

// The decoders of keys and signatures. If a signature is valid, the signed text must be one that the key's
// owner signed: the keys and messages are those of testdata/keys.
//
// The tests replay the inputs through the same functions.

/// The values to compare with, read once.
private enum Known {
  /// The directory of the test data, found from this file's place in the sources.
  private static let directory: String = {
    var parts = #filePath.split(separator: "/").dropLast()
    while let last = parts.last, last != "Fuzz", last != "Tests" { parts.removeLast() }
    return "/" + parts.dropLast().joined(separator: "/") + "/testdata/keys/"
  }()

  private static func read(_ name: String) -> [UInt8] {
    guard let file = fopen(directory + name, "r") else { fatalError("cannot open \(directory)\(name)") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes.prefix(count))
  }

  /// 2024-01-03, after everything that the test keys signed.
  static let now: Int64 = 1_704_240_000
  static let names = ["ed25519", "rsa2048", "nistp256", "subkeys"]

  static let ring: KeyRing = {
    var all = KeyRing()
    for name in names {
      guard let keys = try? KeyRing(reading: read("\(name).pub.asc")), (try? all.merge(keys)) != nil else {
        fatalError("\(name) cannot be read")
      }
    }
    return all
  }()

  static let messages: [ClearSignedMessage] = names.map { name in
    guard let message = try? ClearSignedMessage(reading: read("\(name).msg.asc")) else {
      fatalError("the message by \(name) cannot be read")
    }
    return message
  }

  static let texts = Set(messages.map(\.text))

  static let envelopeKeys: [PublicKey] = ["pem-ed25519", "pem-p256", "pem-rsa"].flatMap { name in
    (try? PEMPublicKey.read(read("\(name).pub.pem"))) ?? []
  }

  /// The metadata of the image from ``emptyImage(_:)``, as this package's signer writes it.
  static let metadata: [UInt8] = {
    let storage = MemoryStorage()
    let noted = NotedText()
    guard var editor = try? emptyImage(storage),
      (try? ImageSigner.sign(&editor, with: NotingSigner(noted), at: Timestamp(seconds: now))) != nil
    else { fatalError("the image cannot be signed") }
    return noted.text
  }()

  static func emptyImage(_ storage: MemoryStorage) throws -> ImageEditor {
    let header = Header(id: .none, createdAt: .none)
    try storage.truncate(to: header.dataOffset)
    try storage.write(header.encoded().span.bytes, at: 0)
    var editor = try ImageEditor(editing: storage)
    for text in ["one", "two"] {
      var source = BytesSource(Array(text.utf8))
      try editor.add(NewObject(.generic), from: &source)
    }
    return editor
  }
}

/// Does not sign, but keeps the text that it should sign.
private struct NotingSigner: MessageSigner {
  let noted: NotedText

  init(_ noted: NotedText) { self.noted = noted }

  func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    noted.text = text
    return SignedMessage(text, SignatureMetadata(hash: .sha256, entity: []))
  }
}

private final class NotedText {
  var text: [UInt8] = []
}

/// Accepts everything in a signature object as validly signed.
private struct CredulousVerifier: MessageVerifier {
  var format: String { "credulous" }
  var hasKeys: Bool { true }
  func recognizes(_ message: [UInt8]) -> Bool { true }
  func isCanonical(_ message: [UInt8]) -> Bool { true }
  func open(_ message: [UInt8]) -> OpenedMessage {
    OpenedMessage(
      text: message, fault: nil, signers: [SignerVerdict(fault: nil, fingerprint: "F", identity: "F")])
  }
}

/// Packets: keys, rings of them, keyboxes and armor. Only the right key may verify anything.
@Sendable func fuzzKeyRing(_ bytes: [UInt8]) {
  if let keys = try? TransferableKey.read(bytes.span) {
    for key in keys {
      let packets = key.publicPackets
      let again = try? TransferableKey.read(packets.span)
      if again?.first?.primary != key.primary { fatalError("the public packets are of another key") }
    }
  }
  if let (entries, fault) = try? RingEntry.read(bytes.span) {
    var all: [UInt8] = []
    for entry in entries {
      guard let packets = try? entry.copyOfPackets() else { continue }
      all += plain(packets)
    }
    if !bytes.starts(with: all) || fault == nil && all.count != bytes.count {
      fatalError("a ring lost bytes")
    }
  }
  guard var ring = try? KeyRing(reading: bytes) else { return }
  let count = ring.certificates.count
  if (try? ring.merge(ring)) != nil, ring.certificates.count != count { fatalError("a key is there twice") }
  for certificate in ring.certificates.prefix(16) {
    _ = (certificate.primary.algorithmName, certificate.userIDs.map(\.text))
    _ = certificate.status(now: Known.now)
    for subkey in certificate.subkeys { _ = certificate.status(of: subkey, now: Known.now) }
    guard let secret = try? ring.signingSecret(of: certificate, now: Known.now), !secret.isLocked else {
      continue
    }
    _ = try? secret.unlock()
  }
  for message in Known.messages {
    for report in (try? message.verify(with: ring, now: Known.now)) ?? [] where report.isValid {
      if !Known.ring.certificates.contains(where: { $0.primary == report.primary }) {
        fatalError("a key that signed nothing")
      }
    }
  }
}

private func plain(_ bytes: borrowing SecureBytes) -> [UInt8] {
  let span = bytes.span
  return span.indices.map { span[$0] }
}

/// Armor. The fuzzer's input is the block after its first line. It needs no checksum, which would reject nearly
/// every change that the fuzzer makes.
@Sendable func fuzzArmor(_ bytes: [UInt8]) {
  for kind in ["PUBLIC", "PRIVATE"] {
    fuzzKeyRing(Array("-----BEGIN PGP \(kind) KEY BLOCK-----\n".utf8) + bytes)
  }
}

/// Clear-signed messages. The text of a valid one must be one that was signed.
@Sendable func fuzzClearSigned(_ bytes: [UInt8]) {
  guard let message = try? ClearSignedMessage(reading: bytes) else { return }
  if message.text.contains(where: { $0 < 0x20 && ![0x09, 0x0A, 0x0D].contains($0) || $0 == 0x7F }) {
    fatalError("a control character was accepted")
  }
  for report in (try? message.verify(with: Known.ring, now: Known.now)) ?? [] where report.isValid {
    if !Known.texts.contains(message.text) { fatalError("a text that nobody signed") }
  }
  let verifier = OpenPGPVerifier(Known.ring, now: Timestamp(seconds: Known.now))
  _ = verifier.open(bytes).verdict
  _ = verifier.isCanonical(bytes)
}

/// Envelopes. One that can be read is written as text with the same contents.
@Sendable func fuzzEnvelope(_ bytes: [UInt8]) {
  if let envelope = try? Envelope(reading: bytes) {
    guard let again = try? Envelope(reading: envelope.encoded), again.payload == envelope.payload,
      again.payloadType == envelope.payloadType,
      again.signatures.map(\.bytes) == envelope.signatures.map(\.bytes),
      again.signatures.map(\.keyID) == envelope.signatures.map(\.keyID)
    else { fatalError("the envelope changed") }
  }
  let verifier = DSSEVerifier(Known.envelopeKeys)
  let opened: OpenedMessage? = verifier.open(bytes)
  if verifier.isCanonical(bytes), opened?.signers.contains(where: { $0.fault != nil }) != false {
    fatalError("a canonical envelope that was not verified")
  }
  if let opened, opened.signers.contains(where: { $0.fault == nil }), opened.text != Known.metadata {
    fatalError("a payload that nobody signed")
  }
}

/// PEM and DER: public, private and encrypted keys. Encrypted ones are read up to their costs, but not
/// decrypted: those costs are limited, but the limits are far too high for a fuzzer.
@Sendable func fuzzPEM(_ bytes: [UInt8]) {
  if let keys = try? PEMPublicKey.read(bytes) {
    for key in keys { _ = try? key.sshFingerprint() }
  }
  _ = PEMPrivateKey.isPrivateKey(bytes.span)
  guard let key = try? PEMPrivateKey.read(bytes.span) else { return }
  _ = try? key.publicKey.sshFingerprint()
}

/// Metadata that a trusted key signed. An image may only verify with the very statement that its signer made,
/// apart from white space, order and the spelling of strings.
@Sendable func fuzzMetadata(_ bytes: [UInt8]) {
  let storage = MemoryStorage()
  guard var editor = try? Known.emptyImage(storage) else { fatalError("no image") }
  var source = BytesSource(bytes)
  let signature = NewObject(
    .signature, metadata: .signature(SignatureMetadata(hash: .sha256, entity: [])), group: nil,
    link: .group(1))
  guard (try? editor.add(signature, from: &source)) != nil else { return }
  guard let image = try? Image(reading: storage),
    let report = try? ImageVerifier.verify(image, with: [CredulousVerifier()], threads: 1),
    let strict = try? ImageVerifier.verify(
      image, with: [CredulousVerifier()], policy: VerificationPolicy(isStrict: true), threads: 1)
  else { fatalError("the image cannot be verified") }
  if report.verdict != .ok, strict.verdict == .ok { fatalError("strictness accepts more") }
  guard report.verdict == .ok else { return }
  if sorted(try? JSONParser.parse(bytes)) != sorted(try? JSONParser.parse(Known.metadata)) {
    fatalError("a statement that nobody made")
  }
}

/// A value's text, with the members of each object and the elements of each array in order of their text.
private func sorted(_ value: JSONValue?) -> [UInt8] {
  guard let value else { return [] }
  if let members = value.members {
    return members.map { Array($0.key.utf8) + [0x3A] + sorted($0.value) }.sorted(by: isBefore).flatMap { $0 }
  }
  if let elements = value.elements { return elements.map { sorted($0) }.sorted(by: isBefore).flatMap { $0 } }
  // Digests may be written in upper case, too.
  return JSONWriter.compact(value).map { 0x41...0x5A ~= $0 ? $0 | 0x20 : $0 }
}

private func isBefore(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.lexicographicallyPrecedes(b) }
