import Glibc
import LinuxSystem
import SystemPackage

/// The network namespace of one container.
struct ContainerNetwork {
  private let request: NetworkRequest
  private let guardian: NetworkGuardian?

  /// Prepares the network, before this process makes namespaces. Nil if the container has the host's.
  ///
  /// - Parameters:
  ///   - ownsUsers: whether the container gets a user namespace.
  ///   - isWatched: whether this process stays above the program.
  init?(_ options: ContainerOptions, ownsUsers: Bool, isWatched: Bool) throws(RuntimeError) {
    guard let request = options.network else { return nil }
    self.request = request
    switch request {
    case .loopback, .namespace: guardian = nil
    case .user(let ports):
      guardian = try NetworkGuardian(try UserNetwork(ports, ownsUsers: ownsUsers), isWatched: isWatched)
    case .described(let networks):
      guard !ownsUsers else {
        throw RuntimeError(
          .unavailable,
          "the network \"\(networks[0].name)\" is for root without a user namespace: --network user is for everybody"
        )
      }
      guardian = try NetworkGuardian(try DescribedNetworks(networks), isWatched: isWatched)
    }
  }

  /// The name server that the container has to use; nil for those of the host.
  var nameServer: String? { guardian?.nameServer }

  /// Enters a namespace that exists, if that is what was asked for, and its user namespace if this user needs that.
  func enterExisting() throws(RuntimeError) {
    guard case .namespace(let path) = request else { return }
    do throws(SystemError) { try NetworkNamespace(opening: path).enter() } catch {
      switch error.errno {
      case .invalidArgument:
        throw RuntimeError(.invalidArgument, "\(path.string) is not a network namespace")
      case .notPermitted:
        throw RuntimeError(
          .unavailable, "\(path.string) is not a network namespace of this user", system: error)
      default: throw RuntimeError(error)
      }
    }
  }

  /// Whether a namespace has to be made.
  var isNew: Bool { request.isNew }

  /// Connects the namespace that this process has made.
  func connect() throws(RuntimeError) {
    guard isNew else { return }
    try translating(try Namespaces.bringUpLoopback())
    try guardian?.connect()
  }

  /// Takes the connection down.
  func end() { guardian?.end() }
}
