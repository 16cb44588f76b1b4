import Accelerators
import CLinux
import Glibc
import LinuxSystem
import StrictJSON
import SystemPackage

/// A program of the host, `pasta` or `slirp4netns`, that passes the traffic of a network namespace on as traffic of this
/// user's own.
struct UserNetwork: NetworkProvider {
  private enum Program {
    case pasta(FilePath)
    case slirp(FilePath)

    var path: FilePath {
      switch self {
      case .pasta(let path), .slirp(let path): path
      }
    }

    var name: String {
      switch self {
      case .pasta: "pasta"
      case .slirp: "slirp4netns"
      }
    }
  }

  let nameServer: String?
  private let program: Program
  private let ports: [PortMapping]
  /// Whether the namespace belongs to a user namespace of the container's own.
  private let ownsUsers: Bool
  private var process: pid_t?

  /// The address by which pasta's containers ask the host's own name server: of those that no machine has.
  private static let forwardedServer = "169.254.1.1"
  /// The name server in slirp4netns's network.
  private static let serverOfSlirp = "10.0.2.3"
  /// The most milliseconds that a program takes to begin.
  private static let patience: Int32 = 30_000

  /// Finds a program, and checks that the ports are free.
  init(_ ports: [PortMapping], ownsUsers: Bool) throws(RuntimeError) {
    self.ports = ports
    self.ownsUsers = ownsUsers
    if let path = Self.find("pasta") {
      program = .pasta(path)
      nameServer = NameServers.areLocal(in: NameServers.ofHost) ? Self.forwardedServer : nil
    } else if let path = Self.find("slirp4netns") {
      program = .slirp(path)
      nameServer = Self.serverOfSlirp
    } else {
      throw RuntimeError(
        .unavailable,
        "the network \"user\" needs the program pasta (Debian's package passt) or slirp4netns, and the host has neither"
      )
    }
    guard access("/dev/net/tun", R_OK | W_OK) == 0 else {
      throw RuntimeError(
        .unavailable, "the network \"user\" needs the device /dev/net/tun, which this user cannot open",
        system: SystemError(errno: Errno(rawValue: errno), operation: "open", path: "/dev/net/tun"))
    }
    for port in ports {
      guard linux_probe_port(port.host, port.kind == .udp ? 1 : 0) == 0 else { continue }
      let reason = Errno(rawValue: linux_errno())
      throw RuntimeError(
        .unavailable,
        "the port \(port.host)/\(port.kind.rawValue) of the host cannot be used: \(reason.description)")
    }
  }

  private static func find(_ name: String) -> FilePath? {
    HostPrograms.find(name, besides: ["/usr/bin", "/bin", "/usr/local/bin"])
  }

  mutating func connect(_ target: pid_t) throws(RuntimeError) {
    let begun = try start(target)
    var wait = pollfd(fd: begun.ready.rawValue, events: Int16(POLLIN), revents: 0)
    var byte: UInt8 = 0
    guard poll(&wait, 1, Self.patience) > 0, read(begun.ready.rawValue, &byte, 1) == 1 else {
      disconnect()
      throw failure(begun.errors)
    }
    if case .slirp = program, let control {
      defer { remove(control) }
      for port in ports { try Self.map(port, control) }
    }
  }

  /// The directory for slirp4netns's socket; nil if it needs none.
  private var control: FilePath?

  /// What is known of a program that begins.
  private struct Start: ~Copyable {
    /// The end of a pipe that becomes readable when the program works or has ended.
    let ready: OwnedDescriptor
    /// The file that it writes its messages to.
    let errors: OwnedDescriptor
  }

  /// Starts the program.
  private mutating func start(
    _ target: pid_t
  ) throws(RuntimeError) -> Start {
    if case .slirp = program, !ports.isEmpty { control = try Self.makeDirectory() }
    let arguments = self.arguments(target)
    let path = program.path
    let ownsUsers = ownsUsers
    return try translating { () throws(SystemError) in
      var writing: OwnedDescriptor?
      let reading = try OwnedDescriptor.pipe(&writing)
      let errors = try OwnedDescriptor.memory(named: "messages")
      let (end, messages) = (writing?.rawValue ?? -1, errors.rawValue)
      let namespace = try OwnedDescriptor(opening: FilePath("/proc/\(target)/ns/net"), flags: O_RDONLY)
      let network = namespace.rawValue
      process = try Forking.child {
        // It must not outlive this process, which takes it down.
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0)
        guard dup2(end, STDIN_FILENO) == STDIN_FILENO, dup2(messages, STDERR_FILENO) == STDERR_FILENO else {
          return 127
        }
        if !ownsUsers { dup2(network, STDOUT_FILENO) }
        Forking.closeOnExecute(allBut: [])
        let failure = Forking.execute(
          path.bytes, ([path.string] + arguments).map { Array($0.utf8) },
          [Array("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".utf8)])
        let text = Array(failure.description.utf8)
        _ = text.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        return 127
      }
      writing = nil
      return Start(ready: reading, errors: errors)
    }
  }

  private func arguments(_ target: pid_t) -> [String] {
    switch program {
    case .pasta:
      func list(_ kind: PortMapping.Kind) -> String {
        let chosen = ports.filter { $0.kind == kind }.map { "\($0.host):\($0.container)" }
        return chosen.isEmpty ? "none" : chosen.joined(separator: ",")
      }
      // It says that it works by writing the file with its number.
      var arguments = [
        "--foreground", "--config-net", "--pid", "/proc/self/fd/0", "-t", list(.tcp), "-u", list(.udp), "-T",
        "none", "-U",
        "none",
      ]
      if let nameServer { arguments += ["--dns-forward", nameServer] }
      // As root it would become another user, who may not enter the namespace.
      if geteuid() == 0 { arguments += ["--runas", "0:0"] }
      // It gives up the right to look into a process of the host's root, so it gets that namespace as its standard output.
      guard !ownsUsers else { return arguments + ["\(target)"] }
      return arguments + ["--netns-only", "--no-netns-quit", "--netns", "/proc/self/fd/1"]
    case .slirp:
      let socket = control.map { ["--api-socket", $0.appending("socket").string] } ?? []
      return ["--configure", "--mtu=65520", "--ready-fd=0"] + socket + ["\(target)", "tap0"]
    }
  }

  /// The program's own reason, from the last line of its messages.
  private func failure(_ errors: borrowing OwnedDescriptor) -> RuntimeError {
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = (try? bytes.withUnsafeMutableBytes { try errors.read(into: $0, at: 0) }) ?? 0
    let lines = bytes.prefix(count).split(separator: 0x0A).map { String(decoding: $0, as: UTF8.self) }
    // Where no system log runs, pasta says so for each line.
    let reason = lines.last { !$0.hasSuffix(" to syslog") && !$0.hasPrefix(" ") } ?? "it ended"
    return RuntimeError(.unavailable, "\(program.name) cannot connect the container: \(reason)")
  }

  mutating func disconnect() {
    if let control { remove(control) }
    guard let process else { return }
    kill(process, SIGKILL)
    _ = try? Forking.wait(for: process)
    self.process = nil
  }

  // MARK: slirp4netns's ports

  private static func makeDirectory() throws(RuntimeError) -> FilePath {
    let base = getenv("XDG_RUNTIME_DIR").map { String(cString: $0) } ?? ""
    for place in [base, "/tmp"] where place.hasPrefix("/") {
      var path = Array("\(place)/siftool-network-XXXXXX".utf8CString)
      if mkdtemp(&path) != nil { return FilePath(platformString: path) }
    }
    throw RuntimeError(
      SystemError(errno: Errno(rawValue: errno), operation: "make a directory in", path: "/tmp"))
  }

  private mutating func remove(_ directory: FilePath) {
    _ = directory.appending("socket").withPlatformString { unlink($0) }
    _ = directory.withPlatformString { rmdir($0) }
    control = nil
  }

  /// Asks the program for one port.
  private static func map(_ port: PortMapping, _ directory: FilePath) throws(RuntimeError) {
    let request = JSONValue.object([
      JSONMember("execute", .string("add_hostfwd")),
      JSONMember(
        "arguments",
        .object([
          JSONMember("proto", .string(port.kind.rawValue)),
          JSONMember("host_port", .integer(Int64(port.host))),
          JSONMember("guest_port", .integer(Int64(port.container))),
        ])),
    ])
    let path = directory.appending("socket")
    let answer: [UInt8] = try translating { () throws(SystemError) in
      let number = try SystemError.check("connect to", path) {
        path.withPlatformString { linux_connect_local($0) }
      }
      let socket = OwnedDescriptor(adopting: number, path: path)
      try SystemError.writeAll(JSONWriter.compact(request).span.bytes, to: number)
      shutdown(number, Int32(SHUT_WR))
      return try socket.readToEnd(limit: 1 << 16)
    }
    guard let value = try? JSONParser.parse(answer, limits: JSONLimits(bytes: 1 << 16)),
      value["return"] != nil
    else {
      throw RuntimeError(
        .unavailable, "slirp4netns cannot map the port \(port.host)/\(port.kind.rawValue) of the host")
    }
  }
}
