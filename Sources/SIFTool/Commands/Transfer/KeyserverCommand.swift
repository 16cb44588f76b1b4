import ArgumentParser
import Bytes
import CommandKit
import Gcrypt
import Glibc
import Keyserver
import Remotes
import StrictJSON
import Transport

struct KeyserverCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "keyserver", abstract: "Choose the key servers of a remote, and log in to key servers.",
    subcommands: [
      KeyserverAddCommand.self, KeyserverRemoveCommand.self, KeyserverListCommand.self,
      KeyserverLoginCommand.self, KeyserverLogoutCommand.self,
    ])
}

/// An optional name of a remote, and the address of a key server.
struct KeyserverOperands: ParsableArguments {
  @Argument(
    help: ArgumentHelp(
      "The name of the remote (default: the one in use), and the address of the key server.",
      valueName: "operands"))
  var operands: [String]

  func validate() throws {
    guard (1...2).contains(operands.count) else {
      throw ValidationError("give the address of a key server, perhaps after the name of a remote")
    }
  }

  var remote: String? { operands.count == 2 ? operands[0] : nil }

  func address() throws -> String { try KeyserverAddress(operands[operands.count - 1]).description }
}

struct KeyserverAddCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "add", abstract: "Add a key server to a remote of all users, as root.")

  @OptionGroup var operands: KeyserverOperands
  @Option(
    name: [.short, .long],
    help: ArgumentHelp("The place among the key servers, counted from 1 (default: the last).", valueName: "n")
  )
  var order: UInt16?
  @Flag(help: "Do not check its certificate: anybody on the way can read and change everything.")
  var insecure = false
  @OptionGroup(title: "Servers") var authorities: AuthorityOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let (store, address) = (try RemoteStore.ofProcess(), try operands.address())
    let own = try RemoteClient(settings: authorities.settings(reporter)).ownKeyserver(store, operands.remote)
    try store.change(.system) { (settings) throws(RemoteError) in
      let name = try settings.remote(operands.remote).name
      try settings.addKeyserver(
        address, to: name, own: own, isInsecure: insecure, order: order.map { Int($0) })
    }
    reporter.note("key server \(address) added in \(store.systemFile.string)")
  }
}

struct KeyserverRemoveCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "remove", abstract: "Remove a key server from a remote of all users, as root.")

  @OptionGroup var operands: KeyserverOperands
  @OptionGroup(title: "Servers") var authorities: AuthorityOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let (store, address) = (try RemoteStore.ofProcess(), try operands.address())
    let own = try RemoteClient(settings: authorities.settings(reporter)).ownKeyserver(store, operands.remote)
    try store.change(.system) { (settings) throws(RemoteError) in
      try settings.removeKeyserver(address, from: try settings.remote(operands.remote).name, own: own)
    }
    reporter.note("key server \(address) removed from \(store.systemFile.string)")
  }
}

struct KeyserverListCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list",
    abstract: "List the key servers of the remotes, in the order in which they are asked.",
    discussion: "A remote that lists none has the one that its site names; `remote status` asks the site.")

  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func execute(_ reporter: Reporter) throws {
    let settings = try RemoteStore.ofProcess().settings(reporter)
    let active = settings.activeName
    if output.json {
      return try Console.write(document: [
        JSONMember(
          "remotes",
          .array(
            settings.remotes.map { remote in
              let servers = RemoteSettings.keyservers(of: remote)
              return .object([
                JSONMember("active", .bool(remote.name == active)), JSONMember("name", .string(remote.name)),
                JSONMember("keyservers", servers.map { .array($0.map { $0.json(settings) }) } ?? .null),
              ])
            }))
      ])
    }
    var lines: [String] = []
    for remote in settings.remotes {
      lines.append("\(remote.name)\(remote.name == active ? " (in use)" : "")")
      let servers = RemoteSettings.keyservers(of: remote)
      if servers == nil { lines.append("  the one that \(remote.content.uri) names") }
      for (index, server) in (servers ?? []).enumerated() {
        let login = settings.credential(forKeyserver: server.uri) == nil ? "" : ", with a login"
        lines.append(
          "  \(index + 1). \(server.uri)\(server.isInsecure ? ", certificate not checked!" : "")\(login)")
      }
    }
    try Console.write(lines: lines)
  }
}

extension RemoteFile.Keyserver {
  fileprivate func json(_ settings: RemoteSettings) -> JSONValue {
    .object([
      JSONMember("insecure", .bool(isInsecure)),
      JSONMember("loggedIn", .bool(settings.credential(forKeyserver: uri) != nil)),
      JSONMember("uri", .string(uri)),
    ])
  }
}

struct KeyserverLoginCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "login", abstract: "Keep a name and password, or a token, for a key server.",
    discussion:
      "The server is asked whether it takes them. They are sent to no other host, and never unencrypted.")

  @Argument(help: ArgumentHelp("The address of the key server.", valueName: "address")) var address: String
  @Option(
    name: [.short, .long],
    help: ArgumentHelp("The user's name. Without one, a token is kept.", valueName: "name")) var username:
    String?
  @Flag(help: "Read the password from standard input.") var passwordStdin = false
  @Flag(help: "Do not check its certificate: anybody on the way can read and change everything.")
  var insecure = false
  @OptionGroup var token: TokenOption
  @OptionGroup(title: "Servers") var authorities: AuthorityOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var idleOptions: [IdleOptions] {
    username == nil
      ? [
        IdleOptions(
          "password-stdin", reason: "needs --username; --tokenfile - reads a token from standard input")
      ]
      : [IdleOptions("tokenfile", reason: "excludes --username, which has a password")]
  }

  func execute(_ reporter: Reporter) throws {
    let server = try KeyserverAddress(address)
    let authorization = try authorization(server)
    var settings = authorities.settings(reporter)
    settings.checksCertificates = !insecure
    let client = KeyserverClient(server, settings: settings, authorization: authorization)
    guard client.sendsLogin else {
      throw ToolFailure.usage("\(server) is not encrypted: a login is not sent there")
    }
    try client.checkLogin()
    let store = try RemoteStore.ofProcess()
    try store.change(.user) { (settings) throws(RemoteError) in
      settings.setCredential(
        RemoteFile.Credential(uri: server.description, authorization: authorization, isInsecure: insecure))
    }
    reporter.note("logged in to \(server); the login is kept in \(store.userFile.string)")
  }

  private func authorization(_ server: KeyserverAddress) throws -> String {
    guard let username else {
      guard let token = try token.read("Token for \(server): ") else {
        throw ToolFailure.usage("there is no terminal to ask for the token on: give it with --tokenfile")
      }
      return "Bearer \(token)"
    }
    guard !username.isEmpty, !username.contains(":") else {
      throw ToolFailure.usage("the user's name must not be empty, nor have a colon")
    }
    let bytes =
      passwordStdin
      ? try SecretInput.readPassphrase(from: STDIN_FILENO, "standard input")
      : try SecretInput.prompt("Password: ")
    guard let password = bytes?.trimmedText else {
      throw ToolFailure.usage(
        "there is no terminal to ask for the password on: give it with --password-stdin")
    }
    guard !password.isEmpty else { throw ToolFailure.usage("the password is empty") }
    return "Basic \(String(decoding: Base64.encode(Array("\(username):\(password)".utf8)), as: UTF8.self))"
  }
}

struct KeyserverLogoutCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "logout", abstract: "Forget the login for a key server.")

  @Argument(help: ArgumentHelp("The address of the key server.", valueName: "address")) var address: String
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let server = try KeyserverAddress(address)
    let store = try RemoteStore.ofProcess()
    var had = false
    try store.change(.user) { (settings) throws(RemoteError) in
      had = settings.removeCredential(for: server.description)
    }
    reporter.note(had ? "logged out of \(server)" : "nobody is logged in to \(server)")
  }
}
