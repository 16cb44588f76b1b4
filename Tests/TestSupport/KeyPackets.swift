/// The packets of OpenPGP data, so that tests put them together in other ways.
public enum KeyPackets {
  /// The packets of binary data, in order, each with its header.
  public static func split(_ bytes: [UInt8]) throws -> [(type: UInt8, bytes: [UInt8])] {
    var packets: [(type: UInt8, bytes: [UInt8])] = []
    var rest = bytes[...]
    func number(_ count: Int) -> Int { rest.prefix(count).reduce(0) { $0 << 8 | Int($1) } }
    while let header = rest.first {
      let start = rest.startIndex
      rest = rest.dropFirst()
      let isNew = header & 0x40 != 0
      let type = isNew ? header & 0x3F : header >> 2 & 15
      let first = Int(rest.first ?? 0)
      let count: Int
      let size: Int
      if !isNew {
        count = 1 << Int(header & 3)
        size = number(count)
      } else if first < 192 {
        (count, size) = (1, first)
      } else if first < 224 {
        (count, size) = (2, number(2) - 192 * 256 + 192)
      } else {
        (count, size) = (5, number(5) & 0xFFFF_FFFF)
      }
      guard rest.count >= count + size else { throw ToolError(description: "packets that are cut off") }
      rest = rest.dropFirst(count + size)
      packets.append((type, Array(bytes[start..<rest.startIndex])))
    }
    return packets
  }

  /// A packet with a header of the new format and five bytes of length.
  public static func packet(_ type: UInt8, _ body: [UInt8]) -> [UInt8] {
    [0xC0 | type, 0xFF] + withUnsafeBytes(of: UInt32(body.count).bigEndian) { Array($0) } + body
  }
}

extension GnuPG {
  /// Makes a key without a passphrase; returns its fingerprint.
  @discardableResult
  public func makeKey(_ name: String, _ algorithm: String = "ed25519", usage: String = "sign") throws
    -> String
  {
    try check(["--quick-generate-key", "\(name) <\(name)@example.org>", algorithm, usage, "0"])
    guard let made = try fingerprints(of: name).first else { throw ToolError(description: "no key \(name)") }
    return made
  }

  /// The fingerprints of a primary key and its subkeys.
  public func fingerprints(of name: String) throws -> [String] {
    try check(["--with-colons", "--list-keys", name]).text.split(separator: "\n")
      .filter { $0.hasPrefix("fpr:") }
      .map { String($0.split(separator: ":", omittingEmptySubsequences: false)[9]) }
  }

  /// The armored text of the revocation that GnuPG makes with every key, ready to use.
  public func revocation(of fingerprint: String) throws -> String {
    let text = String(decoding: try Tool.read("\(path)/openpgp-revocs.d/\(fingerprint).rev"), as: UTF8.self)
    return text.replacing(":-----BEGIN", with: "-----BEGIN")
  }

  /// Runs a command that asks nothing, and has to succeed.
  @discardableResult
  public func check(_ arguments: [String], input: [UInt8] = []) throws -> ToolAnswer {
    let quiet = ["--pinentry-mode", "loopback", "--passphrase", "", "--yes"]
    let answer = try run(quiet + arguments, input: input)
    guard answer.status == 0 else {
      throw ToolError(description: "gpg \(arguments.joined(separator: " ")): \(answer.errors)")
    }
    return answer
  }
}
