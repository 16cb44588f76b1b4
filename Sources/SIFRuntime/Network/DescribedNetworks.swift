import Glibc
import LinuxSystem
import StrictJSON
import SystemPackage

/// Networks of the Container Network Interface (CNI): lists of plugins, programs of the host that connect a namespace.
struct DescribedNetworks: NetworkProvider {
  /// One network of the container, with the description that the host has of it.
  private struct Network {
    let request: DescribedNetwork
    let version: String
    let plugins: [JSONValue]
    /// The name of its interface in the container.
    let interface: String
    /// What the last plugin has answered.
    var result: JSONValue?
  }

  let nameServer: String? = nil
  private var networks: [Network] = []
  private let container: String
  /// The namespace, which stays until the plugins have been told of its end.
  private var namespace: Int32?

  /// Where descriptions are, in the order in which they are looked for.
  static let directories: [FilePath] = [
    "/etc/apptainer/network", "/etc/singularity/network", "/usr/local/etc/apptainer/network",
    "/usr/local/etc/singularity/network", "/etc/cni/net.d",
  ]
  /// Where plugins are.
  private static let programs: [FilePath] = [
    "/usr/libexec/apptainer/cni", "/usr/libexec/singularity/cni", "/usr/local/libexec/apptainer/cni",
    "/usr/local/libexec/singularity/cni", "/usr/lib/cni", "/usr/libexec/cni", "/opt/cni/bin",
  ]
  private static let longest = 1 << 20

  /// Reads the descriptions of networks, and finds their plugins.
  init(_ requests: [DescribedNetwork]) throws(RuntimeError) {
    container = "siftool-\(getpid())-\(ProcessHandle.start(of: getpid()) ?? 0)"
    for (index, request) in requests.enumerated() {
      let (version, plugins) = try Self.description(of: request.name)
      for plugin in plugins { _ = try Self.program(of: plugin, request.name) }
      for (isWanted, capability, what) in [
        (!request.ports.isEmpty, "portMappings", "portmap"), (request.range != nil, "ipRanges", "ipRange"),
      ] where isWanted && !plugins.contains(where: { Self.has(capability, $0) }) {
        throw RuntimeError(.invalidArgument, "the network \"\(request.name)\" has nothing that takes \(what)")
      }
      networks.append(Network(request: request, version: version, plugins: plugins, interface: "eth\(index)"))
    }
  }

  // MARK: Descriptions

  private static func description(of name: String) throws(RuntimeError) -> (
    version: String, plugins: [JSONValue]
  ) {
    for directory in directories {
      guard let opened = try? OwnedDescriptor(opening: directory, flags: O_RDONLY | O_DIRECTORY),
        let names = try? opened.names()
      else { continue }
      for file in names.map({ String(decoding: $0, as: UTF8.self) }).sorted()
      where file.hasSuffix(".conflist") || file.hasSuffix(".conf") || file.hasSuffix(".json") {
        let path = directory.appending(file)
        guard let found = try read(path, named: name) else { continue }
        return found
      }
    }
    if let text = builtIn[name],
      let found = try parse(Array(text.utf8), "the network \"\(name)\"", named: name)
    {
      return found
    }
    throw RuntimeError(
      .invalidArgument,
      "there is no network \"\(name)\": none of the files in \(directories.map(\.string).joined(separator: ", ")) describes it"
    )
  }

  private static func read(
    _ path: FilePath, named name: String
  ) throws(RuntimeError) -> (version: String, plugins: [JSONValue])? {
    let file = try translating(try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY))
    let status = try translating(try file.status())
    guard status.st_mode & S_IFMT == S_IFREG else { return nil }
    // It names programs that run as root.
    guard status.st_uid == 0, status.st_mode & 0o022 == 0 else {
      throw RuntimeError(.unavailable, "\(path.string) does not belong to root alone")
    }
    return try parse(try translating(try file.readToEnd(limit: longest)), path.string, named: name)
  }

  private static func parse(
    _ bytes: [UInt8], _ file: String, named name: String
  ) throws(RuntimeError) -> (version: String, plugins: [JSONValue])? {
    let value: JSONValue
    do { value = try JSONParser.parse(bytes, limits: JSONLimits(bytes: longest)) } catch {
      throw RuntimeError(.malformed, "\(file): \(error)")
    }
    guard value["name"]?.text == name else { return nil }
    // A file with one plugin has its settings at the top.
    let plugins = value["plugins"]?.elements ?? [value]
    guard !plugins.isEmpty, plugins.allSatisfy({ $0.members != nil }) else {
      throw RuntimeError(.malformed, "\(file): \"plugins\" is not a list of plugins")
    }
    return (value["cniVersion"]?.text ?? "0.4.0", plugins)
  }

  private static func program(of plugin: JSONValue, _ network: String) throws(RuntimeError) -> FilePath {
    guard let type = plugin["type"]?.text, DescribedNetwork.isName(type) else {
      throw RuntimeError(.malformed, "the network \"\(network)\" has a plugin without a type")
    }
    for directory in programs {
      let path = directory.appending(type)
      if path.withPlatformString({ access($0, X_OK) }) == 0 { return path }
    }
    throw RuntimeError(
      .unavailable,
      "the network \"\(network)\" needs the plugin \(type) (Debian's package containernetworking-plugins), which is in none of "
        + programs.map(\.string).joined(separator: ", "))
  }

  private static func has(_ capability: String, _ plugin: JSONValue) -> Bool {
    plugin["capabilities"]?[capability] == .bool(true)
  }

  /// The networks that the runtimes install with themselves.
  private static let builtIn: [String: String] = [
    "bridge": list(
      "bridge",
      """
      {"type": "bridge", "bridge": "sbr0", "isGateway": true, "ipMasq": true, "capabilities": {"ipRanges": true},
       "ipam": {"type": "host-local", "subnet": "10.22.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}}
      """),
    "ptp": list("ptp", ptp), "fakeroot": list("fakeroot", ptp),
  ]

  private static let ptp = """
    {"type": "ptp", "ipMasq": true, "capabilities": {"ipRanges": true},
     "ipam": {"type": "host-local", "subnet": "10.23.0.0/16", "routes": [{"dst": "0.0.0.0/0"}]}}
    """

  private static func list(_ name: String, _ plugin: String) -> String {
    """
    {"cniVersion": "1.0.0", "name": "\(name)", "plugins": [\(plugin), {"type": "firewall"},
     {"type": "portmap", "capabilities": {"portMappings": true}, "snat": true}]}
    """
  }

  // MARK: Plugins

  mutating func connect(_ process: pid_t) throws(RuntimeError) {
    let path = FilePath("/proc/\(process)/ns/net")
    namespace = try translating(try OwnedDescriptor(opening: path, flags: O_RDONLY)).release()
    for index in networks.indices {
      // What the plugins take down, even if only some of them were asked.
      networks[index].result = .null
      for plugin in networks[index].plugins {
        networks[index].result = try call("ADD", plugin, networks[index])
      }
    }
  }

  mutating func disconnect() {
    for network in networks.reversed() where network.result != nil {
      for plugin in network.plugins.reversed() { _ = try? call("DEL", plugin, network) }
    }
    networks = []
    if let namespace { close(namespace) }
    namespace = nil
  }

  private func call(
    _ command: String, _ plugin: JSONValue, _ network: Network
  ) throws(RuntimeError) -> JSONValue {
    let program = try Self.program(of: plugin, network.request.name)
    // This process is the guardian: its variables are its own.
    for (name, value) in [
      ("CNI_COMMAND", command), ("CNI_CONTAINERID", container),
      ("CNI_NETNS", "/proc/\(getpid())/fd/\(namespace ?? -1)"), ("CNI_IFNAME", network.interface),
      ("CNI_ARGS", (["IgnoreUnknown=1"] + network.request.arguments).joined(separator: ";")),
      ("CNI_PATH", Self.programs.map(\.string).joined(separator: ":")),
      ("PATH", "/bin:/sbin:/usr/bin:/usr/sbin"),
    ] { setenv(name, value, 1) }
    let outcome = try translating { () throws(SystemError) in
      try ChildProcess(running: program.string, []).communicate(
        JSONWriter.compact(settings(plugin, network)), limit: Self.longest)
    }
    let value = try? JSONParser.parse(outcome.output, limits: JSONLimits(bytes: Self.longest))
    guard outcome.status == 0 else {
      let errors = String(decoding: outcome.errors.split(separator: 0x0A).last ?? [], as: UTF8.self)
      let reason = value?["msg"]?.text ?? (errors.isEmpty ? "it ended with status \(outcome.status)" : errors)
      let details = value?["details"]?.text.map { $0.isEmpty ? "" : " (\($0))" } ?? ""
      throw RuntimeError(
        .unavailable,
        "the plugin \(program.lastComponent?.string ?? "") cannot connect the network \"\(network.request.name)\": \(reason)\(details)"
      )
    }
    return value ?? network.result ?? .null
  }

  /// What a plugin gets: its part of the description, and what the plugins before it answered.
  private func settings(_ plugin: JSONValue, _ network: Network) -> JSONValue {
    let replaced: Set<String> = ["name", "cniVersion", "prevResult", "runtimeConfig", "capabilities"]
    var members = [
      JSONMember("cniVersion", .string(network.version)), JSONMember("name", .string(network.request.name)),
    ]
    members += (plugin.members ?? []).filter { !replaced.contains($0.key) }
    var asked: [JSONMember] = []
    if Self.has("portMappings", plugin) {
      let ports = network.request.ports.map { port in
        JSONValue.object([
          JSONMember("hostPort", .integer(Int64(port.host))),
          JSONMember("containerPort", .integer(Int64(port.container))),
          JSONMember("protocol", .string(port.kind.rawValue)),
        ])
      }
      asked.append(JSONMember("portMappings", .array(ports)))
    }
    if Self.has("ipRanges", plugin), let range = network.request.range {
      asked.append(
        JSONMember("ipRanges", .array([.array([.object([JSONMember("subnet", .string(range))])])])))
    }
    if !asked.isEmpty { members.append(JSONMember("runtimeConfig", .object(asked))) }
    if let result = network.result, result != .null { members.append(JSONMember("prevResult", result)) }
    return .object(members)
  }
}
