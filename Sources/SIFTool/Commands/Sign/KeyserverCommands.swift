import ArgumentParser
import Bytes
import CommandKit
import ImageTrust
import Keyserver
import LinuxSystem
import OpenPGP
import SIF
import StrictJSON
import SystemPackage

/// The option that names a key server.
struct KeyserverOption: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "The key server: hkp://, hkps://, http:// or https://.",
      discussion: "The default are the key servers of the remote in use (`siftool keyserver list`).",
      valueName: "address"))
  var url: String?
  @OptionGroup var authorities: AuthorityOptions

  func access(_ reporter: Reporter) throws -> KeyserverAccess {
    try KeyserverAccess(url.map { [$0] } ?? [], authorities.settings(reporter), reporter)
  }
}

struct KeySearchCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "search", abstract: "Find keys on a key server.",
    discussion:
      """
      Anybody can put a key with any name on a key server: compare the fingerprint with one from another source before \
      you trust a key. Some servers find only whole addresses and fingerprints.
      """)

  @Argument(help: "A name, an address, a fingerprint or a key id.") var text: String
  @Flag(name: [.short, .long], help: "Show fingerprints, algorithms, dates and remarks.") var longList = false
  @OptionGroup(title: "Key server") var server: KeyserverOption
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  var idleOptions: [IdleOptions] {
    output.json ? [IdleOptions("long-list", reason: "excludes --json, which has everything")] : []
  }

  func execute(_ reporter: Reporter) throws {
    guard let client = try server.access(reporter).clients.first else { return }
    let index = try client.search(text)
    if output.json {
      return try Console.write(document: [
        JSONMember("keyServer", .string(client.server.description)),
        JSONMember("keys", .array(index.entries.map(\.json))), JSONMember("partial", .bool(index.isPartial)),
      ])
    }
    try Console.write(lines: longList ? index.longLines : index.lines)
    if index.isPartial, let count = index.statedCount {
      reporter.note("\(client.server) has found \(count) keys; these are the first \(index.entries.count)")
    }
  }
}

struct KeyPullCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "pull", abstract: "Get a key from a key server, and add it to a key ring.",
    discussion:
      """
      The key must have the fingerprint or id that was asked for. Every key in a key ring is trusted by `verify`: give the \
      whole fingerprint, from a source that you trust.
      """)

  @Argument(help: "The fingerprint, or a key id of 16 or 8 digits.") var fingerprint: String
  @OptionGroup(title: "Key server") var server: KeyserverOption
  @Flag(
    name: [.customShort("g"), .long],
    help: "Add the key to the key ring that all users of this machine trust, which only root may do.")
  var global = false
  @OptionGroup(title: "Key ring") var rings: KeyStoreOptions

  var progress: ProgressOptions { rings.progress }

  var idleOptions: [IdleOptions] {
    global ? [IdleOptions("keyring", reason: "excludes --global, which names a key ring")] : []
  }

  func execute(_ reporter: Reporter) throws {
    let name = try KeyName(argument: fingerprint)
    let store = global ? KeyStore.machine : try rings.store(reporter)
    if name.isShort {
      reporter.warn("anybody can make a key with these 8 digits: compare the whole fingerprint")
    }
    let (found, server) = try server.access(reporter).key(name, reporter)
    if found.otherKeys > 0 {
      let plural = found.otherKeys == 1 ? "another key" : "\(found.otherKeys) other keys"
      reporter.warn("\(server) has sent \(plural), which nobody asked for")
    }
    let isNew = try !store.contains(found.packets)
    if isNew { try store.add(found.packets, secret: false) }
    for name in found.ring.certificates.flatMap(\.userIDs).prefix(4) {
      reporter.note("  \(name.bytes.printable)")
    }
    reporter.note(
      "key \(found.primary.fingerprintText) \(isNew ? "added to" : "is already in") \(store.path(secret: false).printable)"
    )
  }
}

struct KeyPushCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "push", abstract: "Give a public key to a key server.",
    discussion: "Key servers show the key and its names to everybody, and most of them never remove one.")

  @Argument(help: "The key's fingerprint, or its id of 16 digits.") var fingerprint: String
  @OptionGroup(title: "Key server") var server: KeyserverOption
  @OptionGroup(title: "Key ring") var rings: KeyStoreOptions

  var progress: ProgressOptions { rings.progress }

  func execute(_ reporter: Reporter) throws {
    let name = try KeyName(argument: fingerprint)
    guard !name.isShort else {
      throw ToolFailure.usage("8 digits do not name one key: give the fingerprint")
    }
    let files = try rings.rings(secret: false, reporter)
    let ring = try KeyRing(contentsOf: files, reporter.warn)
    let keys = ring.certificates.filter { name.names($0.primary) }
    guard let key = keys.first, keys.count == 1 else {
      throw keys.isEmpty
        ? KeyError.notStored(fingerprint: fingerprint, isSecret: false)
        : KeyError.severalKeys(in: "the key ring")
    }
    let copies = try KeyStore.copies(of: key.primary.fingerprintText, in: files, secret: false)
    guard let client = try server.access(reporter).clients.first else { return }
    try client.add(copies.flatMap(\.publicPackets))
    reporter.note("public key \(key.primary.fingerprintText) is on \(client.server)")
  }
}

extension KeyName {
  /// Reads the argument of a command.
  fileprivate init(argument text: String) throws {
    guard let name = KeyName(text) else {
      throw ToolFailure.usage(
        "\"\(ArgumentBytes.printable(text))\" is not a fingerprint of 40 or 64 hexadecimal digits, nor a key id of 16 or 8"
      )
    }
    self = name
  }
}

extension KeyserverIndex {
  /// Two columns: what names the key, and its owner.
  fileprivate var lines: [String] {
    table(["KEY", "BITS", "NAME"]) { key in
      let digits = key.name.digits.utf8.count
      // The id is the end of a fingerprint of 40 digits, and the beginning of one of 64.
      let id = digits == 64 ? key.name.digits.prefix(16) : key.name.digits.suffix(16)
      return [String(id), key.bits.map(String.init) ?? ""]
    }
  }

  fileprivate var longLines: [String] {
    table(["FINGERPRINT", "ALGORITHM", "BITS", "MADE", "EXPIRES", "STATUS", "NAME"]) { key in
      func date(_ time: Int64?) -> String {
        time.map { String(Timestamp(seconds: $0).iso8601.prefix { $0 != "T" }) } ?? ""
      }
      let remarks = [
        key.flags.isRevoked ? "revoked" : nil, key.flags.isDisabled ? "disabled" : nil,
        key.flags.isExpired ? "expired" : nil,
      ].compactMap(\.self)
      return [
        key.name.digits, key.algorithm.map(KeyAlgorithmName.text) ?? "", key.bits.map(String.init) ?? "",
        date(key.times.created), date(key.times.expires), remarks.joined(separator: ","),
      ]
    }
  }

  /// A line for each name of each key; columns before the names stand in the first line of a key.
  private func table(_ heads: [String], _ cells: (Entry) -> [String]) -> [String] {
    guard !entries.isEmpty else { return ["no keys found"] }
    var rows = [heads]
    for key in entries {
      let first = cells(key)
      let names = key.userIDs.isEmpty ? [""] : key.userIDs.map { $0.bytes.printable }
      for (index, name) in names.enumerated() {
        rows.append((index == 0 ? first : first.map { _ in "" }) + [name])
      }
    }
    return ["\(entries.count) key\(entries.count == 1 ? "" : "s"):", ""] + TextTable.lines(rows)
  }
}

extension KeyserverIndex.Entry {
  fileprivate var json: JSONValue {
    func time(_ seconds: Int64?) -> JSONValue {
      seconds.map { .string(Timestamp(seconds: $0).iso8601) } ?? .null
    }
    return .object([
      JSONMember("algorithm", algorithm.map { .string(KeyAlgorithmName.text($0)) } ?? .null),
      JSONMember("bits", bits.map { .integer(Int64($0)) } ?? .null),
      JSONMember("createdAt", time(times.created)),
      JSONMember("disabled", .bool(flags.isDisabled)), JSONMember("expired", .bool(flags.isExpired)),
      JSONMember("expiresAt", time(times.expires)), JSONMember("key", .string(name.digits)),
      JSONMember("revoked", .bool(flags.isRevoked)),
      JSONMember("userIds", .array(userIDs.map { .string($0.text) })),
    ])
  }
}
