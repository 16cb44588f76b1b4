import ImageTrust
import SIF
import StrictJSON
import TestSupport
import Testing

/// Signed texts and keys that are longer than libgcrypt can hold in one value, and others at which it ends the process.
@Suite struct LongMessageTests {
  private let directory: Scratch
  private let trusted = Fixture.path("keys/pem-ed25519.pub.pem")

  init() throws {
    directory = try Scratch()
  }

  private func key(_ name: String) throws -> String {
    let path = try directory.write(name, try Fixture.read("keys/\(name)"))
    try Tool.check(["chmod", "600", path])
    return path
  }

  private func envelope(_ payload: [UInt8]) throws -> [UInt8] {
    try Tool.check(
      [
        "/usr/bin/python3", "\(Fixture.root)/Tests/Oracle/dsse.py", "sign",
        Fixture.path("keys/pem-ed25519.pem"),
      ],
      input: payload
    ).output
  }

  /// An image whose signature is over a text of that many bytes: its metadata, and blanks. A wrong signature is that of
  /// the metadata alone.
  private func image(textBytes count: Int, isValid: Bool) throws -> String {
    let storage = MemoryStorage()
    let header = Header(id: .none, createdAt: .none)
    try storage.truncate(to: header.dataOffset)
    try storage.write(header.encoded().span.bytes, at: 0)
    var editor = try ImageEditor(editing: storage)
    var source = BytesSource(Array("one".utf8))
    try editor.add(NewObject(.generic), from: &source)
    let noting = NotingSigner()
    // Nothing is added: the signer throws.
    _ = try? ImageSigner.sign(&editor, with: noting, at: .none)
    let text = noting.note.text
    let long = text + [UInt8](repeating: 0x20, count: count - text.count)
    var message = try envelope(isValid ? long : text)
    if !isValid {
      let signature = try #require(try JSONParser.parse(message)["signatures"])
      let payload = try Tool.check(["base64", "-w0"], input: long).text
      message = JSONWriter.compact([
        "payloadType": "application/vnd.sylabs.sif-metadata+json", "payload": .string(payload),
        "signatures": signature,
      ])
    }
    source = BytesSource(message)
    let metadata = SignatureMetadata(hash: .sha256, entity: [])
    try editor.add(
      NewObject(.signature, metadata: .signature(metadata), group: nil, link: .group(1)), from: &source)
    try Tool.check(["mkdir", "-p", directory.file("images")])
    return try directory.write("images/image.sif", storage.bytes)
  }

  @Test(arguments: [65_478, 65_479, 65_486, 1 << 20], [true, false])
  func longText(count: Int, isValid: Bool) throws {
    let image = try image(textBytes: count, isValid: isValid)
    try expect(
      image, isValid ? 0 : 4, isValid ? "ok" : "tampered",
      isValid ? "signature 2 (dsse): good, over object 1" : "signature 2: it does not match the signed text")
  }

  /// Larger than any message that is read.
  @Test func immenseText() throws {
    for isValid in [true, false] {
      try expect(try image(textBytes: 20 << 20, isValid: isValid), 4, "tampered", "bytes long")
    }
  }

  private func expect(
    _ image: String, _ status: Int32, _ verdict: String, _ words: String,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let text = try Siftool.run("verify", image, "--key", trusted, in: directory)
    #expect(text.status == status, "\(text.errors)", sourceLocation: sourceLocation)
    #expect(text.text.contains(words), "\(text.text)", sourceLocation: sourceLocation)
    let document = try Siftool.run("verify", image, "--key", trusted, "--json", in: directory)
    #expect(document.status == status, sourceLocation: sourceLocation)
    #expect(
      try JSONParser.parse(document.output)["verdict"]?.text == verdict, sourceLocation: sourceLocation)
    let record = try Siftool.run("scan", "images", "--key", trusted, "--quiet", in: directory)
    #expect(record.status == 0, "\(record.errors)", sourceLocation: sourceLocation)
    #expect(record.text.contains("\"\(verdict)\""), "\(record.text)", sourceLocation: sourceLocation)
    let page = try Siftool.run("report", image, "--key", trusted, in: directory)
    #expect(page.status == 0, "\(page.errors)", sourceLocation: sourceLocation)
    let report = try Siftool.run("report", image, "--key", trusted, "--json", in: directory)
    #expect(report.status == 0, sourceLocation: sourceLocation)
    #expect(
      try JSONParser.parse(report.output)["verification"]?["verdict"]?.text == verdict,
      sourceLocation: sourceLocation)
    for answer in [text, document, record, page, report] {
      #expect(answer.errors.isEmpty, sourceLocation: sourceLocation)
    }
  }

  /// The text that is signed names every object: with 400 of them it is longer than 65,536 bytes.
  @Test func manyObjects() throws {
    let image = directory.file("many.sif")
    try Siftool.check("new", image, "--capacity", "420")
    let storage = MemoryStorage(try Tool.read(image))
    var editor = try ImageEditor(editing: storage)
    for number in 1...400 {
      var source = BytesSource(Array("\(number)".utf8))
      try editor.add(NewObject(.generic), from: &source)
    }
    try Tool.write(image, storage.bytes)
    for name in ["pem-ed25519", "pem-p256"] {
      let signed = try Siftool.run("sign", image, "--key", try key("\(name).pem"), "--quiet", in: directory)
      #expect(signed.status == 0, "\(signed.errors)")
      let answer = try Siftool.run(
        "verify", image, "--key", Fixture.path("keys/\(name).pub.pem"), in: directory)
      #expect(answer.status == 0, "\(answer.errors)")
      #expect(answer.text.contains("good, over objects 1"), "\(answer.text.prefix(300))")
      if name == "pem-ed25519" {
        let payload = try GoOracle.run(["dsse", image, trusted])
        #expect(payload.status == 0, "\(payload.errors)")
        #expect(try JSONParser.parse(payload.output)["objects"]?.elements?.count == 400)
      }
      try Siftool.check("del", "401", image, "--quiet")
    }
  }

  // MARK: Keys

  private func der(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
    let count = content.count
    // Of the forms of a length only the shortest is DER.
    let digits = Array(withUnsafeBytes(of: UInt32(count).bigEndian) { Array($0) }.drop { $0 == 0 })
    return [tag] + (count < 0x80 ? [UInt8(count)] : [0x80 | UInt8(digits.count)] + digits) + content
  }

  private func pem(_ label: String, _ bytes: [UInt8]) throws -> String {
    let base64 = try Tool.check(["base64", "-w0"], input: bytes).text
    return try directory.write(
      "key.pem", Array("-----BEGIN \(label)-----\n\(base64)\n-----END \(label)-----\n".utf8))
  }

  private func expectRefusal(
    _ command: String, _ key: String, _ words: String = "", sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let answer = try Siftool.run(
      command, try image(textBytes: 1000, isValid: true), "--key", key, in: directory)
    #expect(answer.status == 6, "\(answer.errors)", sourceLocation: sourceLocation)
    #expect(answer.errors.contains(words), "\(answer.errors)", sourceLocation: sourceLocation)
    #expect(answer.errors.split(separator: "\n").count == 1, sourceLocation: sourceLocation)
  }

  /// At the first three of these points libgcrypt ends the process.
  @Test func pointsThatAreNoKeys() throws {
    let (zeros, ones) = ([UInt8](repeating: 0, count: 31), [UInt8](repeating: 0xFF, count: 30))
    for point in [[0] + zeros, [1] + zeros, [0xEC] + ones + [0x7F], [0xEE] + ones + [0x7F], [2] + zeros] {
      let ed25519: [UInt8] = [6, 3, 0x2B, 0x65, 0x70]
      let key = try pem("PUBLIC KEY", der(0x30, der(0x30, ed25519) + der(3, [0] + point)))
      try expectRefusal("verify", key, "not a canonical point of the prime order")
    }
  }

  @Test func giantPublicKeys() throws {
    let giant = der(2, [UInt8](repeating: 0x55, count: 70_000))
    let modulus = der(2, [0] + [UInt8](repeating: 0xFF, count: 256))
    for numbers in [giant + der(2, [1, 0, 1]), modulus + giant] {
      try expectRefusal("verify", try pem("RSA PUBLIC KEY", der(0x30, numbers)))
    }
    // OpenPGP packets with an RSA key: a modulus of 65,535 bits, the longest that can be stated, and 70,000 bytes.
    let modulus65535: [UInt8] = [0xFF, 0xFF] + [UInt8](repeating: 0x7F, count: 8192) + [0, 17, 1, 0, 1]
    for numbers in [modulus65535, [UInt8](repeating: 0x55, count: 70_000)] {
      let body: [UInt8] = [4, 0, 0, 0, 0, 1] + numbers
      let length = withUnsafeBytes(of: UInt32(body.count).bigEndian) { Array($0) }
      try expectRefusal("verify", try directory.write("key.pgp", [0xC6, 0xFF] + length + body))
    }
  }

  /// Computing with such primes takes minutes.
  @Test func giantPrivateKeys() throws {
    let giant = der(2, [UInt8](repeating: 0x55, count: 70_000))
    let small = der(2, [UInt8](repeating: 0x7F, count: 128))
    let modulus = der(2, [0] + [UInt8](repeating: 0xFF, count: 256))
    let head = der(2, [0]) + modulus + der(2, [1, 0, 1])
    for numbers in [giant + small + small, small + giant + small, small + small + giant] {
      let key = try pem("RSA PRIVATE KEY", der(0x30, head + numbers + small + small + small))
      try expectRefusal("sign", key, "do not belong together")
    }
    let p256 = der(0xA0, [6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7])
    let scalar = der(4, [UInt8](repeating: 0x55, count: 70_000))
    try expectRefusal(
      "sign", try pem("EC PRIVATE KEY", der(0x30, der(2, [1]) + scalar + p256)), "70000 bytes")
  }
}

/// Keeps what it was to sign, and signs nothing.
private struct NotingSigner: MessageSigner {
  final class Note {
    var text: [UInt8] = []
  }
  let note = Note()

  func sign(_ text: [UInt8], at time: Timestamp) throws(IntegrityError) -> SignedMessage {
    note.text = text
    throw .selection("nothing is signed")
  }
}
