import ArgumentParser
import Bytes
import CommandKit
import Remotes
import StrictJSON
import Transport

struct RemoteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "remote",
    abstract: "Choose a site with a container library and a key server, and log in there.",
    discussion:
      """
      The remotes are in remote.yaml, where the runtimes keep them, too: the user's in ~/.singularity or ~/.apptainer, the \
      system's in /etc/singularity or /etc/apptainer.
      """,
    subcommands: [
      RemoteAddCommand.self, RemoteUseCommand.self, RemoteRemoveCommand.self, RemoteListCommand.self,
      RemoteLoginCommand.self, RemoteLogoutCommand.self, RemoteStatusCommand.self,
      RemoteGetLoginPasswordCommand.self,
    ])
}

struct RemoteAddCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "add", abstract: "Add a remote, use it, and log in.",
    discussion:
      "Without a token, in a file or typed on the terminal, nobody is logged in; `remote login` does it later."
  )

  @Argument(help: "The name for it.") var name: String
  @Argument(help: ArgumentHelp("The host of the site, perhaps with a path.", valueName: "host")) var uri:
    String
  @OptionGroup var place: RemotePlaceOption
  @Flag(help: "Find its services over http: anybody on the way can read and change everything.")
  var insecure = false
  @Flag(help: "Do not use it from now on.") var noDefault = false
  @Flag(help: "Do not log in.") var noLogin = false
  @OptionGroup var token: TokenOption
  @OptionGroup(title: "Servers") var authorities: AuthorityOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var idleOptions: [IdleOptions] {
    noLogin || place.global
      ? [IdleOptions("tokenfile", reason: "does nothing where nobody logs in: a token is one user's")] : []
  }

  func execute(_ reporter: Reporter) throws {
    let store = try RemoteStore.ofProcess()
    try store.change(place.place) { (settings) throws(RemoteError) in
      try settings.add(name, uri: uri, isInsecure: insecure, to: place.place, activates: !noDefault)
    }
    reporter.note("remote \"\(name)\" added to \(store.path(place.place).string)")
    guard !noLogin, !place.global else { return }
    let remote = try store.settings().remote(name)
    guard let token = try token.read("Token for \(remote.content.uri): ") else {
      return reporter.note("not logged in: no token was given")
    }
    try RemoteLoginCommand.logIn(store, remote, token, authorities.settings(reporter), reporter)
  }
}

struct RemoteUseCommand: ReportingCommand {
  static let configuration = CommandConfiguration(subcommand: "use", abstract: "Choose the remote in use.")

  @Argument(help: "The name of the remote.") var name: String
  @OptionGroup var place: RemotePlaceOption
  @Flag(name: [.short, .long], help: "With --global: let nobody use another one.") var exclusive = false
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var idleOptions: [IdleOptions] {
    place.global ? [] : [IdleOptions("exclusive", reason: "needs --global: only root decides for all")]
  }

  func execute(_ reporter: Reporter) throws {
    let store = try RemoteStore.ofProcess()
    try store.change(place.place) { (settings) throws(RemoteError) in
      try settings.use(name, in: place.place, isExclusive: exclusive)
    }
    reporter.note("remote \"\(name)\" is in use\(exclusive ? ", and no other one is allowed" : "")")
  }
}

struct RemoteRemoveCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "remove", abstract: "Remove a remote, and its token.")

  @Argument(help: "The name of the remote.") var name: String
  @OptionGroup var place: RemotePlaceOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let store = try RemoteStore.ofProcess()
    try store.change(place.place) { (settings) throws(RemoteError) in
      try settings.remove(name, from: place.place)
    }
    reporter.note("remote \"\(name)\" removed from \(store.path(place.place).string)")
  }
}

struct RemoteListCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list", abstract: "List the remotes, and the logins for key servers and registries.")

  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func execute(_ reporter: Reporter) throws {
    let settings = try RemoteStore.ofProcess().settings(reporter)
    let active = settings.activeName
    guard output.json else {
      func mark(_ isSo: Bool) -> String { isSo ? "yes" : "" }
      let rows = settings.remotes.map { remote in
        [
          remote.name, remote.content.uri, mark(remote.name == active), mark(remote.isSystem),
          mark(remote == settings.exclusive), remote.content.isInsecure ? "no!" : "yes",
          mark(!remote.content.token.isEmpty),
        ]
      }
      let heads = ["NAME", "URI", "IN USE", "GLOBAL", "EXCLUSIVE", "SECURE", "LOGIN"]
      try Console.write(lines: TextTable.lines([heads] + rows))
      let logins = settings.user.credentials.map { [$0.uri, $0.isInsecure ? "no!" : "yes"] }
      guard !logins.isEmpty else { return }
      return try Console.write(lines: [""] + TextTable.lines([["LOGIN AT", "SECURE"]] + logins))
    }
    try Console.write(document: [
      JSONMember("remotes", .array(settings.remotes.map { $0.json(active, settings.exclusive) })),
      JSONMember(
        "logins",
        .array(
          settings.user.credentials.map {
            .object([JSONMember("insecure", .bool($0.isInsecure)), JSONMember("uri", .string($0.uri))])
          })),
    ])
  }
}

extension RemoteSettings.Remote {
  fileprivate func json(_ active: String?, _ exclusive: RemoteSettings.Remote?) -> JSONValue {
    .object([
      JSONMember("active", .bool(name == active)), JSONMember("exclusive", .bool(self == exclusive)),
      JSONMember("global", .bool(isSystem)), JSONMember("insecure", .bool(content.isInsecure)),
      JSONMember("loggedIn", .bool(!content.token.isEmpty)), JSONMember("name", .string(name)),
      JSONMember("uri", .string(content.uri)),
    ])
  }
}

struct RemoteLoginCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "login", abstract: "Keep a token for a remote, after asking its site whether it is right.",
    discussion:
      """
      The token is read from a file or asked for on the terminal; the site makes one at https://HOST/auth/tokens. It is sent \
      to the services that the site names, and to no other host.
      """)

  @OptionGroup var remote: RemoteNameArgument
  @OptionGroup var token: TokenOption
  @OptionGroup(title: "Servers") var authorities: AuthorityOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let store = try RemoteStore.ofProcess()
    let remote = try store.settings(reporter).remote(remote.name)
    if token.tokenfile == nil {
      reporter.note("\(remote.content.uri) makes tokens at https://\(remote.content.uri)/auth/tokens")
    }
    guard let token = try token.read("Token: ") else {
      throw ToolFailure.usage("there is no terminal to ask for the token on: give it with --tokenfile")
    }
    try Self.logIn(store, remote, token, authorities.settings(reporter), reporter)
  }

  static func logIn(
    _ store: RemoteStore, _ remote: RemoteSettings.Remote, _ token: String, _ settings: HTTPSettings,
    _ reporter: Reporter
  ) throws {
    let client = RemoteClient(settings: settings)
    try client.check(token: token, of: remote, try client.services(of: remote))
    try store.change(.user) { (settings) throws(RemoteError) in try settings.setToken(token, of: remote.name)
    }
    reporter.note("logged in to \"\(remote.name)\"; the token is kept in \(store.userFile.string)")
  }
}

struct RemoteLogoutCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "logout", abstract: "Forget the token for a remote.")

  @OptionGroup var remote: RemoteNameArgument
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let store = try RemoteStore.ofProcess()
    let remote = try store.settings().remote(remote.name)
    guard !remote.content.token.isEmpty else {
      return reporter.note("nobody is logged in to \"\(remote.name)\"")
    }
    try store.change(.user) { (settings) throws(RemoteError) in try settings.setToken("", of: remote.name) }
    reporter.note("logged out of \"\(remote.name)\"")
  }
}

struct RemoteStatusCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "status", abstract: "Ask the services of a remote whether they answer, and who is logged in.")

  @OptionGroup var remote: RemoteNameArgument
  @OptionGroup(title: "Servers") var authorities: AuthorityOptions
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func execute(_ reporter: Reporter) throws {
    let remote = try RemoteStore.ofProcess().settings(reporter).remote(remote.name)
    let status = try RemoteStatus(of: remote, RemoteClient(settings: authorities.settings(reporter)))
    if output.json {
      let services = status.services.map { service in
        JSONValue.object([
          JSONMember("error", service.fault.map { .string($0.description) } ?? .null),
          JSONMember("name", .string(service.name)), JSONMember("uri", .string(service.uri)),
          JSONMember("version", service.version.map { .string($0) } ?? .null),
        ])
      }
      try Console.write(document: [
        JSONMember("remote", .string(remote.name)), JSONMember("services", .array(services)),
        JSONMember("tokenAccepted", status.isTokenAccepted.map { .bool($0) } ?? .null),
        JSONMember("user", status.userName.map { .string($0) } ?? .null),
      ])
    } else {
      let rows = status.services.map {
        [$0.name, $0.fault == nil ? "ok" : "failed", $0.version ?? "", $0.uri]
      }
      try Console.write(lines: TextTable.lines([["SERVICE", "STATUS", "VERSION", "URI"]] + rows))
      try Console.write(line: "")
      try Console.write(line: status.loginText)
      for service in status.services { service.fault.map { reporter.warn($0.description) } }
    }
  }
}

extension RemoteStatus {
  fileprivate var loginText: String {
    switch isTokenAccepted {
    case nil: "nobody is logged in"
    case false?: "the token is not accepted: log in again"
    case true?: "logged in\(userName.map { " as \($0)" } ?? "")"
    }
  }
}

struct RemoteGetLoginPasswordCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "get-login-password",
    abstract: "Print the password for the registry behind a remote's library.",
    discussion: "It goes to standard output, for the login of another program: it is a secret.")

  @OptionGroup var remote: RemoteNameArgument
  @OptionGroup(title: "Servers") var authorities: AuthorityOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let remote = try RemoteStore.ofProcess().settings(reporter).remote(remote.name)
    let client = RemoteClient(settings: authorities.settings(reporter))
    try Console.write(line: try client.registryPassword(remote, try client.services(of: remote)))
  }
}
