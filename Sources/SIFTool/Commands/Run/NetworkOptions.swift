import ArgumentParser
import CommandKit
import SIFRuntime
import SystemPackage

/// The network that the program sees.
struct NetworkOptions: SeparateGroup {
  @Option(
    help: ArgumentHelp(
      "Use a separate network: none, user, or networks that the administrator has described.",
      discussion: """
        none has only a loopback interface. user reaches what the host reaches, through the host's pasta or slirp4netns. \
        Root can name networks of the Container Network Interface, separated by commas.
        """,
      valueName: "names"))
  var network: String?
  @Option(
    help: ArgumentHelp(
      "Settings for --network, such as portmap=8080:80/tcp for a port of the host that leads inside (repeatable).",
      valueName: "key=value"))
  var networkArgs: [String] = []
  @Option(help: ArgumentHelp("Join a network namespace that exists.", valueName: "file"))
  var netnsPath: PathArgument?
  @Option(
    help: ArgumentHelp(
      "Use these name servers in place of the host's, separated by commas (repeatable).",
      valueName: "addresses"))
  var dns: [String] = []

  func validate() throws {
    guard netnsPath == nil || network == nil else {
      throw ValidationError("--netns-path and --network exclude each other")
    }
    guard networkArgs.isEmpty || network != nil else {
      throw ValidationError("--network-args is for a network that --network names")
    }
    do {
      _ = try request()
      _ = try servers()
    } catch let error as RuntimeError { throw ValidationError(error.message) }
  }

  private func request() throws -> NetworkRequest? {
    if let netnsPath { return .namespace(netnsPath.path) }
    return try network.map { try NetworkRequest($0, arguments: networkArgs) }
  }

  private func servers() throws -> [String] { try dns.flatMap { try NameServers.parse($0) } }

  /// - Parameter isSeparate: whether `--net` asks for a network with only a loopback interface.
  func set(_ options: inout ContainerOptions, isSeparate: Bool) throws {
    guard netnsPath == nil || !isSeparate else {
      throw ToolFailure.usage("--netns-path and --net exclude each other")
    }
    options.network = try request()
    options.nameServers = try servers()
    if !options.nameServers.isEmpty, !options.site.showsNameServers {
      options.onNote("--dns has no effect: the site's configuration shows no /etc/resolv.conf")
    }
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}
