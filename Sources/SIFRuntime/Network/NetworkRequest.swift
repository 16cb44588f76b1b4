import Glibc
public import SystemPackage

/// The network that a container has in place of the host's (spec/runtime.md "The network").
public enum NetworkRequest: Sendable, Equatable {
  /// A loopback interface, and nothing else.
  case loopback
  /// The host's network, reached through a program of this user, with ports of the host that lead inside.
  case user([PortMapping])
  /// Networks that the machine's administrator has described. Only root can have them.
  case described([DescribedNetwork])
  /// A network namespace that exists, by its file.
  case namespace(FilePath)

  /// Reads the values of `--network` and `--network-args`.
  ///
  /// - Parameters:
  ///   - names: names of networks, separated by commas; `none` and `user` stand alone.
  ///   - arguments: lists of `[NETWORK:]KEY=VALUE`, separated by semicolons.
  /// - Throws: ``RuntimeError`` of the kind `invalid-argument`.
  public init(_ names: String, arguments: [String] = []) throws(RuntimeError) {
    let names = names.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
    for name in names {
      guard DescribedNetwork.isName(name) else {
        throw Self.wrong(
          name.isEmpty
            ? "the name of a network is empty"
            : "\"\(name)\" is not the name of a network, which has letters, digits, dots, underscores and hyphens"
        )
      }
      guard names.count == 1 || name != "none" && name != "user" else {
        throw Self.wrong("the network \"\(name)\" cannot be combined with others")
      }
    }
    guard Set(names).count == names.count else { throw Self.wrong("a network is named twice") }
    var networks = names.map { DescribedNetwork(name: $0) }
    for argument in arguments { try Self.add(argument, to: &networks) }
    var taken: Set<String> = []
    for port in networks.flatMap(\.ports) {
      guard taken.insert("\(port.host)/\(port.kind)").inserted else {
        throw Self.wrong("the port \(port.host)/\(port.kind.rawValue) of the host is mapped twice")
      }
    }
    guard taken.count <= Self.mostPorts else {
      throw Self.wrong("more than \(Self.mostPorts) ports are mapped")
    }
    let first = networks[0]
    switch first.name {
    case "none":
      guard first.isPlain else { throw Self.wrong("the network \"none\" takes no arguments") }
      self = .loopback
    case "user":
      guard first.range == nil, first.arguments.isEmpty else {
        throw Self.wrong("the network \"user\" takes only portmap")
      }
      self = .user(first.ports)
    default: self = .described(networks)
    }
  }

  private static let mostPorts = 1000

  /// Adds one argument: settings for one network, the first one unless it is named.
  private static func add(
    _ argument: String, to networks: inout [DescribedNetwork]
  ) throws(RuntimeError) {
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      var settings = part
      var index = 0
      if let colon = part.firstIndex(of: ":"), !part[..<colon].contains("=") {
        let name = part[..<colon]
        guard let found = networks.firstIndex(where: { $0.name == name }) else {
          throw wrong("\"\(name)\" in --network-args is none of the container's networks")
        }
        index = found
        settings = part[part.index(after: colon)...]
      }
      for setting in settings.split(separator: ";", omittingEmptySubsequences: false) {
        guard let sign = setting.firstIndex(of: "=") else {
          throw wrong("\"\(setting)\" in --network-args is not of the form KEY=VALUE")
        }
        try networks[index].set(String(setting[..<sign]), String(setting[setting.index(after: sign)...]))
      }
    }
  }

  /// Whether a namespace has to be made for it.
  var isNew: Bool {
    if case .namespace = self { false } else { true }
  }

  static func wrong(_ message: String) -> RuntimeError { RuntimeError(.invalidArgument, message) }
}

/// A network that the machine's administrator has described, and what one container asks of it.
public struct DescribedNetwork: Sendable, Equatable {
  /// Its name.
  public let name: String
  /// Ports of the host that lead inside.
  public private(set) var ports: [PortMapping] = []
  /// The range of addresses to choose from; nil for that of the description.
  public private(set) var range: String?
  /// Settings for its programs, as keys and values.
  public private(set) var arguments: [String] = []

  init(name: String) { self.name = name }

  static func isName(_ text: String) -> Bool {
    (1...64).contains(text.utf8.count) && text.first != "." && text.first != "-"
      && text.utf8.allSatisfy { isLetterOrDigit($0) || [0x2D, 0x2E, 0x5F].contains($0) }
  }

  private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte & 0xDF)
  }

  fileprivate var isPlain: Bool { ports.isEmpty && range == nil && arguments.isEmpty }

  fileprivate mutating func set(_ key: String, _ value: String) throws(RuntimeError) {
    switch key {
    case "portmap":
      guard let port = PortMapping(value) else {
        throw NetworkRequest.wrong(
          "\"\(value)\" is not a mapping of ports: portmap is HOST[:CONTAINER]/tcp or /udp, with ports from 1 to 65535"
        )
      }
      ports.append(port)
    case "ipRange":
      let parts = value.split(separator: "/", omittingEmptySubsequences: false)
      let length = parts.count == 2 ? UInt8(parts[1]) : nil
      guard let length, let address = NetworkAddress(String(parts[0])), length <= address.bits else {
        throw NetworkRequest.wrong("\"\(value)\" is not a range of addresses such as 10.22.0.0/16")
      }
      range = value
    default:
      // They go to the programs in one variable.
      guard !key.isEmpty, key.utf8.allSatisfy({ Self.isLetterOrDigit($0) || $0 == 0x5F }), !value.isEmpty,
        value.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != 0x3B && $0 != 0x3D })
      else { throw NetworkRequest.wrong("\"\(key)=\(value)\" in --network-args is not a setting") }
      arguments.append("\(key)=\(value)")
    }
  }
}

/// A port of the host whose traffic goes to a port of the container.
public struct PortMapping: Sendable, Equatable {
  /// The protocols that have ports.
  public enum Kind: String, Sendable {
    /// Connections.
    case tcp
    /// Datagrams.
    case udp
  }

  /// The port of the host.
  public let host: UInt16
  /// The port of the container.
  public let container: UInt16
  /// The protocol.
  public let kind: Kind

  /// Reads `HOST[:CONTAINER]/tcp` or `/udp`; nil if the text has another form.
  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let kind = Kind(rawValue: String(parts[1])) else { return nil }
    let ports = parts[0].split(separator: ":", omittingEmptySubsequences: false).map(Self.port)
    guard (1...2).contains(ports.count), let host = ports[0], let container = ports[ports.count - 1] else {
      return nil
    }
    (self.host, self.container, self.kind) = (host, container, kind)
  }

  private static func port(_ text: Substring) -> UInt16? {
    guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let port = UInt16(text), port > 0 else {
      return nil
    }
    return port
  }
}

/// An address of the internet protocol, version 4 or 6.
struct NetworkAddress {
  /// How many bits it has.
  let bits: UInt8
  /// Whether it means the machine itself.
  let isLoopback: Bool

  init?(_ text: String) {
    // inet_pton(3) reads up to a NUL.
    guard !text.utf8.contains(0) else { return nil }
    var bytes = [UInt8](repeating: 0, count: 16)
    if inet_pton(AF_INET, text, &bytes) == 1 {
      bits = 32
      isLoopback = bytes[0] == 127
    } else if inet_pton(AF_INET6, text, &bytes) == 1 {
      bits = 128
      isLoopback = bytes.dropLast().allSatisfy { $0 == 0 } && bytes[15] == 1
    } else {
      return nil
    }
  }
}
