import StrictJSON
import TestSupport

/// An image that says hostile things wherever an image can say anything, in a file whose name is one as well.
final class HostileText: Sendable {
  /// Escape sequences of both kinds, marks of direction, what cannot be seen, and a line that looks like one of `check`.
  static let text =
    "\u{1B}]0;x\u{7}\u{1B}[31m\u{9B}2J\u{7F}\u{202E}\u{2066}\u{200F}\u{61C}\u{200B}\u{FEFF}\u{2028}\u{2029}\u{E0041}"
    + "\u{115F}\t\r\nsound: forged\n"
  /// The text as a string of JSON.
  static let json = String(decoding: JSONWriter.compact(.string(text)), as: UTF8.self)

  let directory: Scratch
  /// A directory with nothing but the image in it, and the image.
  let place: String
  let image: String
  let fixture: EncryptionFixture

  /// What is in a LUKS2 header, and hostile text in its place.
  private static let headers: [(old: String, new: String)] = [
    (#""encryption":"aes-xts-plain64","sector_size""#, #""encryption":\#(json),"sector_size""#),
    (#""encryption":"aes-xts-plain64","key_size""#, #""encryption":\#(json),"key_size""#),
    (#""kdf":{"type":"pbkdf2""#, #""kdf":{"type":\#(json)"#),
    (#""stripes":4000,"hash":"sha256""#, #""stripes":4000,"hash":\#(json)"#),
    (#""digests":{"0":{"type":"pbkdf2""#, #""digests":{"0":{"type":\#(json)"#),
    (#""digests":{"0""#, #""digests":{\#(json)"#),
    (#""tokens":{}"#, #""tokens":{"0":{"type":\#(json),"keyslots":[]}}"#),
    (#""tokens":{}"#, #""tokens":{\#(json):{"type":"x","keyslots":[]}}"#),
    (#""tokens":{}"#, #""tokens":{"0":{"type":"x","keyslots":[\#(json)]}}"#),
    (#""config":{"#, #""config":{"requirements":{"mandatory":[\#(json)]},"#),
    (#""type":"crypt""#, #""type":\#(json)"#), (#""type":"luks2""#, #""type":\#(json)"#),
    (#""keyslots":{"0""#, #""keyslots":{\#(json)"#), (#""size":"dynamic""#, #""size":\#(json)"#),
  ]

  init() throws {
    fixture = try EncryptionFixture()
    directory = try Scratch()
    place = directory.file("place")
    image = "\(place)/evil\(Self.text).sif"
    try Tool.check(["mkdir", place])
    try Self.makeTree(directory)
    try directory.write("labels.json", Array("{\(Self.json): \(Self.json), \"plain\": \(Self.json)}".utf8))
    // The lines of these are shown as such.
    let lines = Self.text.replacing("sound: forged", with: "a line")
    try directory.write("definition", Array("Bootstrap: \(lines)\n\tindented\n".utf8))
    try pack(image)
    // Two signatures that verify, the first by a key whose owner's name is as hostile as a key is made with.
    let ring = ["--keyring", directory.file("ring")]
    let owner = String(String.UnicodeScalarView(Self.text.unicodeScalars.filter { $0.value >= 0xA0 }))
    try siftool(["key", "new", "--user-id", "evil \(owner)", "--no-passphrase"] + ring)
    let key = try siftool(["key", "list", "--json"] + ring).text
    let digits = try JSONParser.parse(Array(key.utf8))["keys"]?.elements?.first?["fingerprint"]?.text ?? ""
    try siftool(["sign", image, "--fingerprint", digits] + ring)
    try siftool(["sign", image, "--key", try fixture.key("pem-ed25519.pem")])
    try addObjects()
    try addVolumes()
    try addUnreadable()
  }

  @discardableResult
  func siftool(_ arguments: [String]) throws -> ToolAnswer {
    let answer = try fixture.siftool(arguments)
    guard answer.status == 0 else { throw EncryptionFailure(description: "\(arguments): \(answer.errors)") }
    return answer
  }

  /// Names, targets and extended attributes of files, in an archive: it can hold any of them.
  private static func makeTree(_ directory: Scratch) throws {
    try directory.write("text", Array(text.utf8))
    let script = """
      import io, tarfile
      text = open('text').read()
      with tarfile.open('rootfs.tar', 'w', format=tarfile.PAX_FORMAT) as tar:
        def add(name, kind=tarfile.REGTYPE, link='', attributes={}):
          entry = tarfile.TarInfo(name)
          entry.type, entry.linkname, entry.pax_headers, entry.mode = kind, link, attributes, 0o755
          entry.size = 5 if kind == tarfile.REGTYPE else 0
          tar.addfile(entry, io.BytesIO(b'hello'))
        add('etc', tarfile.DIRTYPE)
        add('file' + text)
        add('bytes\\udc9b31m\\udcff')
        add('link', tarfile.SYMTYPE, 'to' + text)
        add('directory' + text, tarfile.DIRTYPE)
        add('directory' + text + '/inside' + text, attributes={'SCHILY.xattr.user.' + text.replace('\\n', ''): text})
        add('socket' + text, tarfile.FIFOTYPE)
      """
    try Tool.check(["python3", "-c", script], in: directory.path)
  }

  /// Packs the tree into an image.
  @discardableResult
  func pack(_ image: String, _ options: String...) throws -> ToolAnswer {
    try siftool(
      [
        "pack", directory.file("rootfs.tar"), image, "--arch", "amd64", "--labels",
        directory.file("labels.json"), "--deffile", directory.file("definition"), "--env",
        "NAME=\(Self.text.replacing("sound: forged", with: "a line"))",
      ] + options)
  }

  private func add(_ bytes: [UInt8], _ options: String...) throws {
    try siftool(
      ["add", image, try directory.write("object", bytes), "--filename", "name \(Self.text)", "--quiet"]
        + options)
  }

  private func addObjects() throws {
    let text = Self.text
    try add(Array("{\(Self.json): \(Self.json)}".utf8), "--datatype", "generic-json")
    let lines = text.replacing("sound: forged", with: "a line")
    try add(Array("export A='\(lines)'\n".utf8), "--datatype", "environment-variables")
    let entity = ["--datatype", "signature", "--signhash", "sha256", "--signentity", digits("0")]
    let envelope = """
      {"payloadType": \(Self.json), "payload": "e30=", "signatures": [{"keyid": \(Self.json), "sig": "AAAA"}]}
      """
    let message =
      "-----BEGIN PGP SIGNED MESSAGE-----\nHash: \(text)\n\nx\n-----BEGIN PGP SIGNATURE-----\nX: \(text)\n"
    for bytes in [envelope, message] {
      try siftool(
        ["add", image, try directory.write("object", Array(bytes.utf8)), "--link-group", "1", "--quiet"]
          + entity)
    }
    for label in ["MESSAGE", text] {
      try add(
        Array("-----BEGIN \(label)-----\nX: \(text)\nAAAA\n-----END \(label)-----\n".utf8), "--datatype",
        "crypto-message", "--message-format", "pem", "--message-type", "rsa-oaep")
    }
  }

  private func digits(_ digit: String) -> String { String(repeating: digit, count: 40) }

  /// Encrypted partitions, each with hostile text in another place of its header.
  private func addVolumes() throws {
    let secret = try fixture.encrypt("secret.sif")
    let small: (String) -> String = {
      $0.replacing(#""keyslots_size":"1015808""#, with: #""keyslots_size":"258048""#)
        .replacing(#""offset":"1048576""#, with: #""offset":"290816""#)
    }
    for (old, new) in Self.headers {
      let forged = try fixture.forge(secret, "forged.sif") { small($0).replacing(old, with: new) }
      let volume = try fixture.dump(forged, 2)
      guard volume.firstRange(of: Array(new.utf8)) != nil else {
        throw EncryptionFailure(description: "\(old) is not in the header")
      }
      try addVolume(Array(volume.prefix(290_816 + 4096)))
    }
    // LUKS1: a struct, whose texts are what they are. The mode of the cipher, the hash, the UUID.
    for place in [40, 72, 168] {
      var volume = [UInt8](repeating: 0, count: 8192)
      volume.replaceSubrange(0..<11, with: [0x4C, 0x55, 0x4B, 0x53, 0xBA, 0xBE, 0, 1] + Array("aes".utf8))
      volume.replaceSubrange(40..<51, with: Array("xts-plain64".utf8))
      volume.replaceSubrange(72..<78, with: Array("sha256".utf8))
      volume.replaceSubrange(104..<168, with: [UInt8](repeating: 1, count: 64))
      volume.replaceSubrange(place..<place + 31, with: Array(Self.text.utf8.prefix(31)))
      try addVolume(volume)
    }
  }

  private func addVolume(_ bytes: [UInt8]) throws {
    try add(
      bytes, "--datatype", "partition", "--parttype", "3", "--partfs", "5", "--partarch", "2", "--alignment",
      "4096")
  }

  /// What no option of a command writes: the launch script, and the digest of a blob.
  private func addUnreadable() throws {
    try add(Array("blob".utf8), "--datatype", "oci-blob")
    var bytes = try Tool.read(image)
    bytes.replaceSubrange(0..<31, with: Array("#!\(Self.text)".utf8.prefix(31)))
    if let digest = bytes.firstRange(of: Array("sha256:".utf8)) {
      bytes.replaceSubrange(
        digest.upperBound..<digest.upperBound + 30, with: Array(Self.text.utf8.prefix(30)))
    }
    try Tool.write(image, bytes)
  }

  /// A copy of the image, with bytes replaced, in a directory of its own.
  func copy(_ number: Int, _ patch: (offset: Int, bytes: [UInt8])? = nil) throws -> String {
    let folder = directory.file("copy\(number)")
    try Tool.check(["mkdir", "-p", folder])
    var bytes = try Tool.read(image)
    if let patch { bytes.replaceSubrange(patch.offset..<patch.offset + patch.bytes.count, with: patch.bytes) }
    let copy = "\(folder)/copy\(Self.text).sif"
    try Tool.write(copy, bytes)
    return copy
  }
}
