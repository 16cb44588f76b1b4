import ArgumentParser
import CommandKit
import Glibc
import Registry
import StrictJSON
import Transport

struct RegistryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    subcommand: "registry", abstract: "Log in to registries, and out of them.",
    discussion: "The credentials are kept in docker-config.json, where the runtimes keep them, too.",
    subcommands: [RegistryLoginCommand.self, RegistryLogoutCommand.self, RegistryListCommand.self])
}

/// The registry that an argument names: a host, with or without `docker://` or `oras://`.
private func registryHost(_ argument: String) throws -> String {
  var text = argument[...]
  for scheme in ["docker://", "oras://"] where text.hasPrefix(scheme) { text = text.dropFirst(scheme.count) }
  while text.hasSuffix("/") { text = text.dropLast() }
  do throws(TransportError) {
    let host = try HTTPAddress.origin(.https, authority: String(text)).authority
    return ["docker.io", "registry-1.docker.io"].contains(host) ? "index.docker.io" : host
  } catch {
    throw ToolFailure.usage("\"\(ArgumentBytes.printable(argument))\" is not the host of a registry")
  }
}

struct RegistryLoginCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "login",
    abstract: "Keep the name and password for a registry, after asking it whether they are right.",
    discussion: "The password is asked for on the terminal, or read from standard input.")

  @Argument(help: "The registry's host, such as ghcr.io.") var host: String
  @Option(name: [.short, .long], help: ArgumentHelp("The user's name.", valueName: "name")) var username:
    String?
  @Flag(help: "Read the password from standard input.") var passwordStdin = false
  @Option(
    help: ArgumentHelp(
      "Keep them in this file instead of ~/.singularity/docker-config.json.", valueName: "file"))
  var authfile: OutputArgument?
  @OptionGroup(title: "Servers") var server: ServerOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let host = try registryHost(host)
    var user = username
    if user == nil {
      guard !passwordStdin, SecretInput.canPrompt else {
        throw ToolFailure.usage("give the user's name with --username")
      }
      Console.prompt("User name: ")
      user = readLine(strippingNewline: true)
    }
    guard let user, !user.isEmpty, !user.contains(":") else {
      throw ToolFailure.usage("the user's name must not be empty, nor have a colon")
    }
    let secret: String
    if passwordStdin {
      var text = try SecretInput.readPassphrase(from: STDIN_FILENO, "standard input").text
      while let last = text.unicodeScalars.last, last == "\n" || last == "\r" {
        text.unicodeScalars.removeLast()
      }
      secret = text
    } else if let bytes = try SecretInput.prompt("Password or token: ") {
      secret = bytes.text
    } else {
      throw ToolFailure.usage(
        "there is no terminal to ask for the password on: give it with --password-stdin")
    }
    guard !secret.isEmpty else { throw ToolFailure.usage("the password is empty") }
    let registry = try RegistryClient(
      host: host, plainHTTP: server.noHttps, credential: .password(user: user, secret: secret),
      client: HTTPClient(server.settings(reporter)), notice: { reporter.note($0) })
    try registry.checkLogin()
    let place = try CredentialStore(file: authfile?.path).save(host: host, user: user, secret: secret)
    reporter.note("logged in to \(host) as \(user); the login is kept in \(place)")
  }
}

struct RegistryLogoutCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "logout", abstract: "Forget the name and password for a registry.")

  @Argument(help: "The registry's host.") var host: String
  @Option(
    help: ArgumentHelp("The file that they are kept in, if it is another one.", valueName: "file"))
  var authfile: OutputArgument?
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let host = try registryHost(host)
    let store = CredentialStore(file: authfile?.path)
    guard try store.remove(host: host) else {
      throw ToolFailure(
        .failure, code: "not-found", "no login for \(host) is kept in \(store.file.printable)")
    }
    reporter.note("logged out of \(host)")
  }
}

struct RegistryListCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "list", abstract: "List the registries that credentials are kept for.")

  @Option(help: ArgumentHelp("The file that they are kept in, if it is another one.", valueName: "file"))
  var authfile: PathArgument?
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws {
    let found = try CredentialStore(file: authfile?.path).registries()
    guard output.json else {
      return try Console.write(lines: found.map { "\($0.host)\($0.user.map { "  \($0)" } ?? "")" })
    }
    try Console.write(document: [
      JSONMember(
        "registries",
        .array(
          found.map { entry in
            .object([
              JSONMember("host", .string(entry.host)),
              JSONMember("user", entry.user.map { .string($0) } ?? .null),
            ])
          }))
    ])
  }
}
