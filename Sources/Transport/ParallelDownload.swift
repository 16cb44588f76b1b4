public import Bytes
import LinuxSystem

/// The bytes of a thing at an address, whose parts are asked for over several connections at once and given in order.
public final class ParallelDownload: ByteStream, @unchecked Sendable {
  /// The bytes of one part. What is kept is twice as many parts as there are connections.
  private static let partSize: Int64 = 4 << 20

  private let parts: Parts
  private var current: [UInt8]
  private var position = 0
  private var next: Int64 = 1

  /// Begins to download.
  ///
  /// - Parameters:
  ///   - start: the first byte that is wanted.
  ///   - byteCount: the length of the whole thing.
  ///   - validator: what the thing is known by; nil if a digest will tell.
  /// - Returns: nil if one connection is as good: for few bytes, and for a server that knows no ranges.
  /// - Throws: ``TransportError``, or what `send` throws.
  public init?(
    _ request: HTTPRequest, from start: Int64, byteCount: Int64, validator: String?, settings: HTTPSettings,
    send: @escaping HTTPDownload.Sender
  ) throws {
    guard settings.connections > 1, byteCount - start > 2 * Self.partSize else { return nil }
    parts = Parts(
      request, start: start, byteCount: byteCount, partSize: Self.partSize, validator: validator, settings,
      send)
    // The first part tells whether the server knows ranges.
    guard let first = try parts.fetch(0) else { return nil }
    current = first
    try parts.startThreads()
  }

  deinit { parts.close() }

  /// Reads at most as many bytes as the buffer holds; returns 0 at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while position == current.count {
      guard next < parts.count else { return 0 }
      current = try parts.take(next)
      position = 0
      next += 1
    }
    let count = min(buffer.count, current.count - position)
    current.withUnsafeBytes {
      buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + count]))
    }
    position += count
    return count
  }
}

/// The parts, which threads fetch some ahead of whoever takes them.
private final class Parts: @unchecked Sendable {
  let count: Int64
  private let request: HTTPRequest
  private let start: Int64
  private let byteCount: Int64
  private let partSize: Int64
  private let validator: String?
  private let settings: HTTPSettings
  private let send: HTTPDownload.Sender

  private let monitor = Monitor()
  private var fetched: [Int64: [UInt8]] = [:]
  /// The next part to fetch, and the next one to be taken.
  private var (toFetch, toTake): (Int64, Int64) = (1, 1)
  private var failure: (any Error)?
  private var isClosed = false

  init(
    _ request: HTTPRequest, start: Int64, byteCount: Int64, partSize: Int64, validator: String?,
    _ settings: HTTPSettings, _ send: @escaping HTTPDownload.Sender
  ) {
    self.request = request
    self.start = start
    self.byteCount = byteCount
    self.partSize = partSize
    self.validator = validator
    self.settings = settings
    self.send = send
    // The caller has checked that there are some bytes.
    count = (byteCount - start - 1) / partSize + 1
  }

  /// They end by themselves: one that waits for the network cannot be woken.
  func startThreads() throws(SystemError) {
    for _ in 0..<Int(min(Int64(settings.connections), count - 1)) { _ = try Thread { [self] in run() } }
  }

  func close() {
    monitor.lock()
    isClosed = true
    monitor.broadcast(.space)
    monitor.unlock()
  }

  private func run() {
    while let number = claim() {
      do {
        guard let bytes = try fetch(number) else {
          throw TransportError(.range, "cannot \(request.purpose): the server has stopped to send parts")
        }
        monitor.lock()
        fetched[number] = bytes
      } catch {
        monitor.lock()
        if failure == nil { failure = error }
      }
      monitor.broadcast(.work)
      monitor.unlock()
    }
  }

  private func claim() -> Int64? {
    monitor.lock()
    defer { monitor.unlock() }
    while !isClosed, failure == nil, toFetch < count, toFetch - toTake >= Int64(2 * settings.connections) {
      monitor.wait(for: .space)
    }
    guard !isClosed, failure == nil, toFetch < count else { return nil }
    toFetch += 1
    return toFetch - 1
  }

  /// A part; waits until it is there.
  func take(_ number: Int64) throws -> [UInt8] {
    monitor.lock()
    defer { monitor.unlock() }
    toTake = number
    monitor.broadcast(.space)
    while true {
      if let bytes = fetched.removeValue(forKey: number) { return bytes }
      if let failure { throw failure }
      monitor.wait(for: .work)
    }
  }

  /// Asks for a part; nil if the server sends the whole thing.
  func fetch(_ number: Int64) throws -> [UInt8]? {
    let first = start + number * partSize
    let last = first + (min(partSize, byteCount - first) - 1)
    var tries = 0
    while true {
      do {
        var request = request
        request.range = (first, last)
        request.fields.set("If-Range", validator)
        let exchange = try send(request)
        if exchange.status == 200 {
          exchange.close()
          return nil
        }
        try exchange.requireSuccess()
        guard exchange.status == 206, let range = exchange.contentRange, range.first == first,
          range.last == last,
          range.total ?? byteCount == byteCount
        else {
          exchange.close()
          throw exchange.failure(
            .range,
            "the bytes \(first)-\(last) were asked for, and the answer is \"\(exchange.fields["Content-Range"] ?? "no part")\""
          )
        }
        let bytes = try exchange.bytes(limit: Int(last - first + 1))
        guard Int64(bytes.count) == last - first + 1 else {
          throw exchange.failure(.broken, "the answer ends after \(bytes.count) of \(last - first + 1) bytes")
        }
        return bytes
      } catch let error as TransportError where error.code == .broken || error.code == .timeout {
        guard tries < settings.retryDelays.count else { throw error }
        HTTPClient.pause(settings.retryDelays[tries])
        tries += 1
      }
    }
  }
}
