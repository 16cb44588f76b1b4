import CCurl
import Glibc
import Synchronization

/// Makes requests, each in the thread that asks for it. Connections that are still open are used again.
public final class HTTPClient: Sendable {
  /// How it talks to servers.
  public let settings: HTTPSettings
  private let idle = Mutex<[Connections]>([])
  /// The most addresses that one request is sent to.
  private static let redirectLimit = 10

  /// A client with its settings. Nothing is loaded or asked yet.
  public init(_ settings: HTTPSettings = HTTPSettings()) { self.settings = settings }

  /// The connections of one transfer, and those that stayed open after it.
  final class Connections: @unchecked Sendable {
    let multi: UnsafeMutableRawPointer
    let library: CurlLibrary

    init() throws(TransportError) {
      library = try CurlLibrary.shared()
      guard let multi = library.calls.pointee.multi_init() else {
        throw TransportError(.noLibrary, "libcurl cannot be started: no memory")
      }
      self.multi = multi
    }

    deinit { _ = library.calls.pointee.multi_cleanup(multi) }
  }

  /// Makes a request and returns when the head of the answer is there, whatever its status.
  ///
  /// Answers that name another address are followed. Answers that say "not now", and connections that break before the
  /// answer, have the request made again after a pause.
  ///
  /// - Throws: ``TransportError``. Statuses are not errors here: see ``HTTPExchange/requireSuccess()``.
  public func send(_ request: HTTPRequest) throws(TransportError) -> HTTPExchange {
    guard request.address.scheme == .https || settings.allowsPlainHTTP else {
      throw TransportError(
        .plainHTTP,
        "cannot \(request.purpose): \(request.address.origin) is not encrypted, and nobody allowed that")
    }
    var tries = 0
    while true {
      let delays = settings.retryDelays
      do throws(TransportError) {
        let exchange = try follow(request)
        guard tries < delays.count, isPassing(exchange.status, request) else { return exchange }
        let wait = exchange.retryAfter ?? delays[tries]
        guard wait <= settings.longestRetryAfter else { return exchange }
        exchange.close()
        settings.notice?(
          "\(exchange.address.origin) answered \(exchange.status) \(HTTPStatus.name(exchange.status)); trying again in \(wait) s"
        )
        Self.pause(wait)
      } catch {
        guard tries < delays.count, error.isPassing, request.isRepeatable else { throw error }
        settings.notice?("\(error.description); trying again in \(delays[tries]) s")
        Self.pause(delays[tries])
      }
      tries += 1
    }
  }

  private func isPassing(_ status: Int, _ request: HTTPRequest) -> Bool {
    switch status {
    // The server has done nothing.
    case 429, 503: true
    case 408, 500, 502, 504, 522: request.isRepeatable
    default: false
    }
  }

  /// Waits that many seconds.
  package static func pause(_ seconds: Int) {
    guard seconds > 0 else { return }
    var left = UInt32(clamping: seconds)
    // A signal that was handled ends a sleep early.
    while left > 0 { left = sleep(left) }
  }

  /// Follows the addresses that servers name.
  private func follow(_ first: HTTPRequest) throws(TransportError) -> HTTPExchange {
    var request = first
    var followed = 0
    while true {
      let exchange = try exchange(request)
      guard let location = next(exchange, request.redirects) else { return exchange }
      let old = request.address
      exchange.close()
      followed += 1
      guard followed <= Self.redirectLimit else {
        throw TransportError(
          .redirect,
          "cannot \(first.purpose): \(first.address.origin) leads to one address after another, more than \(Self.redirectLimit)"
        )
      }
      do throws(TransportError) { request.address = try old.resolving(location) } catch {
        throw TransportError(.redirect, "cannot \(first.purpose): \(error.description)")
      }
      guard request.address.scheme == .https || old.scheme == .http else {
        throw TransportError(
          .redirect,
          "cannot \(first.purpose): \(old.origin) leads to \(request.address.origin), which is not encrypted")
      }
      // What was given for one origin is no other one's business.
      if request.address.origin != old.origin { request.authorization = nil }
      if exchange.status == 303 || [301, 302].contains(exchange.status) && request.method == .post {
        if request.method != .head { request.method = .get }
        request.body = .none
        request.fields.set("Content-Type", nil)
      }
    }
  }

  private func next(_ exchange: HTTPExchange, _ redirects: HTTPRequest.Redirects) -> String? {
    guard [301, 302, 303, 307, 308].contains(exchange.status) else { return nil }
    switch redirects {
    case .none: return nil
    case .followExceptSeeOther: if exchange.status == 303 { return nil }
    case .follow: break
    }
    return exchange.fields["Location"]
  }

  private func exchange(_ request: HTTPRequest) throws(TransportError) -> HTTPExchange {
    let connections: Connections
    if let open = idle.withLock({ $0.popLast() }) {
      connections = open
    } else {
      connections = try Connections()
    }
    let transfer = try Transfer(request, settings, connections, ended: { [weak self] in self?.keep($0) })
    return try HTTPExchange(transfer)
  }

  private func keep(_ connections: Connections) {
    idle.withLock { if $0.count < 16 { $0.append(connections) } }
  }
}
