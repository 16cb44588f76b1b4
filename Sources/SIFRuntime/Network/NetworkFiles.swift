import Glibc
import LinuxSystem
import SystemPackage

/// The addresses of servers that translate names.
public enum NameServers {
  /// Reads addresses that are separated by commas; blanks around them do not count.
  ///
  /// - Throws: ``RuntimeError`` of the kind `invalid-argument` with the text that is not an address.
  public static func parse(_ list: String) throws(RuntimeError) -> [String] {
    var servers: [String] = []
    for part in list.split(separator: ",", omittingEmptySubsequences: false) {
      let text = String(part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed())
      guard NetworkAddress(text) != nil else {
        throw RuntimeError(.invalidArgument, "\"\(text)\" is not the address of a name server")
      }
      servers.append(text)
    }
    return servers
  }

  /// The lines of a file like `/etc/resolv.conf` with other servers.
  static func replace(in host: [UInt8], by servers: [String]) -> [UInt8] {
    let others = host.split(separator: 0x0A).filter { server(in: $0) == nil }
    return servers.flatMap { Array("nameserver \($0)\n".utf8) } + others.flatMap { $0 + [0x0A] }
  }

  /// Whether the host asks itself: a server that a network of the container's own does not reach.
  static func areLocal(in host: [UInt8]) -> Bool {
    let servers = host.split(separator: 0x0A).compactMap(server)
    return servers.isEmpty || servers.contains { NetworkAddress($0)?.isLoopback ?? false }
  }

  private static func server(in line: some Collection<UInt8>) -> String? {
    let words = line.split { $0 == 0x20 || $0 == 0x09 }
    guard words.count > 1, words[0].elementsEqual("nameserver".utf8) else { return nil }
    return String(decoding: words[1], as: UTF8.self)
  }

  /// The host's own file; empty if there is none.
  static var ofHost: [UInt8] {
    (try? OwnedDescriptor(opening: "/etc/resolv.conf", flags: O_RDONLY | O_NONBLOCK).readToEnd(limit: 1 << 16))
      ?? []
  }
}

/// Files about the network that are made for a container.
enum NetworkFiles {
  /// What a container has in place of a file of the host; nil for the host's file.
  ///
  /// - Parameter own: the name server that the container's network has.
  static func content(of file: FilePath, _ options: ContainerOptions) -> [UInt8]? {
    switch file {
    case "/etc/resolv.conf":
      if !options.nameServers.isEmpty { return NameServers.replace(in: [], by: options.nameServers) }
      return options.networkServer.map { NameServers.replace(in: NameServers.ofHost, by: [$0]) }
    case "/etc/hosts" where options.isContained && options.namespaces.contains(.network):
      // The host's list has names of machines that are out of reach.
      return Array(
        """
        127.0.0.1 localhost
        ::1 localhost ip6-localhost ip6-loopback
        ff02::1 ip6-allnodes
        ff02::2 ip6-allrouters

        """.utf8)
    default: return nil
    }
  }
}
