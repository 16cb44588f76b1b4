import Bytes
import CommandKit
import Glibc
import ImageTrust
import LinuxSystem
import OpenPGP
import SIF
import SystemPackage

extension Verb {
  /// `sign`, with keys by their place in the list of secret keys.
  static let sign: Verb = {
    var verb = Verb("sign", "IMAGE", "Sign an image", .command(["sign"]))
    verb.operands = 1...1
    verb.options =
      "g/group-id=+ i/sif-id=+ k/keyidx= key=+ fingerprint= keyring= a/all passphrase-fd= passphrase-file="
    // All objects are signed anyway.
    verb.idle = ["all"]
    verb.names = ["keyidx": "fingerprint"]
    verb.prepare = { reading in
      let file = reading.options.last { $0.option.name == "key" }?.value
      Reporter().note(
        "Signing image with \(file.map { "key material from '\($0.printable)'" } ?? "PGP key material")")
      guard let place = reading.options.firstIndex(where: { $0.option.name == "keyidx" }) else { return }
      reading.options[place].value = try RuntimeKeys.fingerprint(at: reading.options[place].value ?? "")
    }
    return verb
  }()

  /// The commands of `key`.
  static let keys: [Verb] = {
    func key(_ name: String, _ usage: String, _ about: String, _ options: String, _ work: Work? = nil) -> Verb
    {
      var verb = Verb("key \(name)", usage, about, work ?? .command(["key", name]))
      verb.options = options
      verb.operands = usage.isEmpty ? 0...0 : 1...1
      return verb
    }
    var pair = key(
      "newpair", "", "Make a key",
      "N/name= E/email= C/comment= P/password= b/bit-length= U/push", .command(["key", "new"]))
    pair.prepare = RuntimeKeys.prepareNewPair
    return [
      key("list", "", "List keys", "s/secret g/global", .own(RuntimeKeys.list)), pair,
      key("search", "TEXT", "Search a key server", "l/long-list u/url="),
      key("pull", "FINGERPRINT", "Fetch a key", "u/url="), key("push", "FINGERPRINT", "Send a key", "u/url="),
      key("import", "FILE", "Import keys", ""),
      key("export", "FILE", "Write a key to a file", "s/secret a/armor", .own(RuntimeKeys.export)),
      key("remove", "FINGERPRINT", "Remove a key", "p/public s/secret b/both", .own(RuntimeKeys.remove)),
    ]
  }()
}

/// Keys in the runtimes' own rings.
private enum RuntimeKeys {
  private static func store() throws -> KeyStore {
    guard let directory = KeyRingFiles.usualDirectory else {
      throw ToolFailure(.key, code: "no-key", "no key ring: HOME is not set")
    }
    return KeyStore(directory)
  }

  /// The keys of a ring, in its order.
  private static func certificates(secret: Bool) throws -> (path: FilePath, keys: [Certificate]) {
    let path = try store().path(secret: secret)
    let reporter = Reporter()
    let files = [path].filter(KeyRingFiles.exists)
    let ring = try KeyRing(contentsOf: files, noticesUnsupported: true) { reporter.warn($0.description) }
    return (
      path,
      ring.certificates.filter { !secret || ring.secretKey(withFingerprint: $0.primary.fingerprint) != nil }
    )
  }

  /// The fingerprint of a secret key by its number in the list.
  static func fingerprint(at text: String) throws -> String {
    let keys = try certificates(secret: true).keys
    guard let index = Int(text), keys.indices.contains(index) else {
      throw ToolFailure(
        .key, code: "no-key",
        keys.isEmpty
          ? "keyring is empty" : "--keyidx: there is no secret key \(ArgumentBytes.printable(text))")
    }
    return keys[index].primary.fingerprintText
  }

  static func list(_ reading: RuntimeGrammar.Reading, _ name: RuntimeName) throws {
    guard !reading.isOn("global") else {
      throw ToolFailure.usage(
        "--global: `siftool key list --keyring /etc/\(name.program)/global-pgp-public` lists it")
    }
    let secret = reading.isOn("secret")
    let (path, keys) = try certificates(secret: secret)
    var lines = ["\(secret ? "Private" : "Public") key listing (\(path.printable)):", ""]
    for (index, key) in keys.enumerated() {
      let time = Timestamp(seconds: key.primary.creationTime).iso8601
      lines += [
        "\(index))\(index < 10 ? " " : "") User:              \(key.userIDs.first?.bytes.printable ?? "")",
        "    Creation time:     \(time.prefix(10)) \(time.dropFirst(11).prefix(8)) +0000 UTC",
        "    Fingerprint:       \(key.primary.fingerprintText)",
        "    Length (in bits):  \(bits(key.primary))", "",
      ]
    }
    try Console.write(lines: lines + [""])
  }

  /// The length of a key of RSA, which its algorithm's name ends with; otherwise that of the usual curves.
  private static func bits(_ key: PublicKeyPacket) -> String {
    let words = key.algorithmName.split(separator: " ")
    return words.first == "RSA" ? words.last.map(String.init) ?? "" : "256"
  }

  /// Makes the options of `siftool key new`.
  static func prepareNewPair(_ reading: inout RuntimeGrammar.Reading) throws {
    var (name, email, comment, phrase) = ("", "", "", String?.none)
    var others: [(option: OptionTable.Option, value: String?)] = []
    for (option, value) in reading.options {
      switch option.name {
      case "name": name = value ?? ""
      case "email": email = value ?? ""
      case "comment": comment = value ?? ""
      case "password": phrase = value
      // Keys of RSA have 4096 bits here. Nothing is sent without `key push`.
      case "bit-length": others.append((OptionTable.Option("rsa"), nil))
      default: break
      }
    }
    guard !name.isEmpty, !email.isEmpty else {
      throw ToolFailure.usage("--name and --email tell whose key it is")
    }
    let user = name + (comment.isEmpty ? "" : " (\(comment))") + " <\(email)>"
    others.append((OptionTable.Option("user-id", value: .one), user))
    if let phrase {
      if phrase.isEmpty {
        others.append((OptionTable.Option("no-passphrase"), nil))
      } else {
        others.append((OptionTable.Option("passphrase-fd", value: .one), "\(try pipe(phrase))"))
      }
    }
    reading.options = others
  }

  /// The reading end of a pipe that holds a text.
  private static func pipe(_ text: String) throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard Glibc.pipe(&ends) == 0, text.utf8.count <= 4096 else {
      throw ToolFailure.usage("--password is longer than 4096 bytes")
    }
    try SystemError.writeAll(Array(text.utf8).span.bytes, to: ends[1])
    close(ends[1])
    return ends[0]
  }

  /// Writes the only key of a ring, or the one that a person chooses, to a file.
  static func export(_ reading: RuntimeGrammar.Reading, _ name: RuntimeName) throws {
    let secret = reading.isOn("secret")
    let (path, keys) = try certificates(secret: secret)
    guard let key = keys.first else { throw ToolFailure(.key, code: "no-key", "keyring is empty") }
    guard keys.count == 1 else {
      throw ToolFailure(
        .key, code: "several-keys",
        "\(path.printable) has \(keys.count) keys: `siftool key export FINGERPRINT` writes one of them to standard output"
      )
    }
    let copies = try KeyStore.copies(of: key.primary.fingerprintText, in: [path], secret: secret)
    let file = try OwnedDescriptor(
      opening: FilePath(reading.operands[0]), flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o600)
    if secret {
      for copy in copies {
        let text = try copy.armoredSecretKey()
        try SystemError.writeAll(text.span.bytes, to: file.rawValue)
      }
    } else {
      try SystemError.writeAll(
        KeyArmor.publicKey(copies.flatMap(\.publicPackets)).span.bytes, to: file.rawValue)
    }
  }

  static func remove(_ reading: RuntimeGrammar.Reading, _ name: RuntimeName) throws {
    let fingerprint = reading.operands[0]
    if reading.isOn("both") || !reading.isOn("secret") { try store().remove(fingerprint, secret: false) }
    if reading.isOn("both") || reading.isOn("secret") { try store().remove(fingerprint, secret: true) }
  }
}
