public import Bytes

/// The bytes of a thing at an address, read to their end even if connections break on the way: what is missing is asked for
/// by a range.
public final class HTTPDownload: ByteStream, @unchecked Sendable {
  /// Makes a request, with credentials if it needs any.
  public typealias Sender = @Sendable (HTTPRequest) throws -> HTTPExchange

  private var request: HTTPRequest
  private let settings: HTTPSettings
  private let send: Sender
  private var exchange: HTTPExchange?
  private var failures = 0
  private var isAtEnd = false

  /// The position of the next byte, from the start of the thing.
  public private(set) var position: Int64
  /// The length of the thing; nil if neither the caller nor the server says it.
  public private(set) var byteCount: Int64?
  /// The head of the first answer.
  public let fields: HTTPFields
  /// The address that the first answer came from.
  public let address: HTTPAddress
  /// What the thing is known by, while it does not change: an entity tag or a date; nil if the server gives none.
  public let validator: String?

  /// Begins to read.
  ///
  /// - Parameters:
  ///   - start: the first byte that is wanted. The caller has those before it.
  ///   - byteCount: the length of the whole thing, if it is known.
  ///   - validator: what the thing was known by when the bytes before `start` were read.
  ///   - send: makes a request.
  /// - Throws: ``TransportError``, or what `send` throws.
  public init(
    _ request: HTTPRequest, from start: Int64 = 0, byteCount: Int64? = nil, validator known: String? = nil,
    settings: HTTPSettings, send: @escaping Sender
  ) throws {
    self.request = request
    self.settings = settings
    self.send = send
    position = start
    self.byteCount = byteCount
    let first = try Self.open(request, at: start, known, send)
    (fields, address) = (first.fields, first.address)
    validator = known ?? Self.validator(first.fields)
    if let byteCount, byteCount == start, first.status == 416 {
      isAtEnd = true
      first.close()
    } else {
      try accept(first)
    }
  }

  /// What the thing is known by, from the head of an answer: a tag that stands for its very bytes, or a date.
  public static func validator(_ fields: HTTPFields) -> String? {
    if let tag = fields["ETag"], !tag.hasPrefix("W/") { return tag }
    return fields["Last-Modified"]
  }

  private static func open(
    _ request: HTTPRequest, at position: Int64, _ validator: String?, _ send: Sender
  ) throws -> HTTPExchange {
    var request = request
    if position > 0 {
      request.range = (position, nil)
      // The server gives the whole thing if it is another one by now.
      request.fields.set("If-Range", validator)
    }
    return try send(request)
  }

  /// Takes an answer as the source of the bytes at the position.
  private func accept(_ exchange: HTTPExchange) throws {
    switch exchange.status {
    case 206:
      guard position > 0, let range = exchange.contentRange, range.first == position else {
        exchange.close()
        throw exchange.failure(
          .range,
          "bytes from \(position) on were asked for, and the answer is \"\(exchange.fields["Content-Range"] ?? "a part")\""
        )
      }
      if let total = range.total { try agree(total, exchange) }
      self.exchange = exchange
    case 200:
      if let length = exchange.contentLength { try agree(length, exchange) }
      self.exchange = exchange
      // The server knows no ranges: skip what is here already.
      try skip(position, exchange)
    case 416:
      exchange.close()
      throw exchange.failure(
        .range,
        "it has no bytes from \(position) on (\(exchange.fields["Content-Range"] ?? "no length is named"))")
    default: try exchange.requireSuccess()
    }
  }

  private func agree(_ length: Int64, _ exchange: HTTPExchange) throws {
    guard byteCount == nil || byteCount == length else {
      exchange.close()
      throw exchange.failure(
        .answer, "it has \(length) bytes, and \(byteCount ?? 0) are expected: it is another thing")
    }
    byteCount = length
  }

  private func skip(_ count: Int64, _ exchange: HTTPExchange) throws {
    guard count > 0 else { return }
    let known = validator.map { $0 == Self.validator(exchange.fields) } ?? true
    guard known else {
      exchange.close()
      throw exchange.failure(.answer, "it changed while it was read")
    }
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)
    defer { block.deallocate() }
    var left = count
    while left > 0 {
      let wanted = UnsafeMutableRawBufferPointer(rebasing: block[..<Int(min(left, Int64(block.count)))])
      let read = try exchange.read(into: wanted)
      guard read > 0 else { throw exchange.failure(.answer, "it has only \(count - left) bytes") }
      left -= Int64(read)
    }
  }

  /// Reads at most as many bytes as the buffer holds; returns 0 at the end.
  ///
  /// - Throws: ``TransportError`` when the connection has broken more often than it is made again.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    while !isAtEnd {
      do {
        if exchange == nil {
          try accept(try Self.open(request, at: position, validator, send))
        }
        guard let exchange else { break }
        let count = try exchange.read(into: buffer)
        if count > 0 {
          position += Int64(count)
          failures = 0
          return count
        }
        if let byteCount, position < byteCount {
          throw exchange.failure(.broken, "the answer ends after \(position) of \(byteCount) bytes")
        }
        isAtEnd = true
        self.exchange = nil
      } catch let error as TransportError where error.code == .broken || error.code == .timeout {
        exchange = nil
        guard failures < settings.retryDelays.count else { throw error }
        let wait = settings.retryDelays[failures]
        failures += 1
        settings.notice?("\(error.description); going on at byte \(position) in \(wait) s")
        HTTPClient.pause(wait)
      }
    }
    return 0
  }
}
