import Bytes

/// An answer: its head is there, and its body is read as it comes.
///
/// One thread at a time may use it, which need not be the one that made it.
public final class HTTPExchange: @unchecked Sendable {
  /// The most bytes that come from a connection at once: a buffer with room for them is filled without another copy.
  static let pieceSize = 256 << 10

  private let transfer: Transfer
  /// The status, such as 200.
  public let status: Int
  /// The fields of the head.
  public let fields: HTTPFields
  /// The address that answered: the last of those that servers named.
  public var address: HTTPAddress { transfer.request.address }
  /// What the request was for.
  public var purpose: String { transfer.request.purpose }

  init(_ transfer: Transfer) throws(TransportError) {
    self.transfer = transfer
    (status, fields) = try transfer.head()
    if status == 407 {
      throw TransportError(
        .proxy, "cannot \(transfer.request.purpose): the proxy wants a password\(transfer.proxyNote)",
        status: status)
    }
  }

  deinit { transfer.close() }

  /// Ends the transfer, even if there is more of the body.
  public func close() { transfer.close() }

  /// Reads the next bytes of the body: at least one, at most what the buffer holds.
  ///
  /// - Returns: how many; 0 at the end.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> Int {
    try transfer.read(into: buffer)
  }

  /// Reads the rest of the body, which may have at most that many bytes, and ends the transfer.
  ///
  /// - Throws: ``TransportError/Code/tooLarge`` if it has more.
  public func bytes(limit: Int) throws(TransportError) -> [UInt8] {
    defer { close() }
    if let length = contentLength, length > Int64(limit) { throw tooLarge(limit) }
    var result: [UInt8] = []
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
    defer { block.deallocate() }
    while true {
      let count = try read(into: block)
      guard count > 0 else { return result }
      guard result.count + count <= limit else { throw tooLarge(limit) }
      result.append(contentsOf: UnsafeRawBufferPointer(rebasing: block[..<count]))
    }
  }

  private func tooLarge(_ limit: Int) -> TransportError {
    failure(.tooLarge, "the answer has more than \(limit) bytes")
  }

  /// The length of the body that the head announces; nil if it announces none.
  public var contentLength: Int64? {
    fields["Content-Length"].flatMap { Int64($0) }.flatMap { $0 >= 0 ? $0 : nil }
  }

  /// The seconds after which the server wants to be asked again; nil if it does not say.
  public var retryAfter: Int? {
    fields["Retry-After"].flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil }
  }

  /// The part of the thing that the body is, by `Content-Range`, and the length of the thing; nil for another form.
  public var contentRange: (first: Int64, last: Int64, total: Int64?)? {
    guard let text = fields["Content-Range"], text.lowercased().hasPrefix("bytes ") else { return nil }
    let parts = text.dropFirst(6).split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2 else { return nil }
    let bounds = parts[0].split(separator: "-", omittingEmptySubsequences: false)
    guard bounds.count == 2, let first = Int64(bounds[0]), let last = Int64(bounds[1]), first >= 0,
      last >= first
    else { return nil }
    if parts[1] == "*" { return (first, last, nil) }
    guard let total = Int64(parts[1]), total > last else { return nil }
    return (first, last, total)
  }

  /// An error about this answer.
  public func failure(_ code: TransportError.Code, _ reason: String) -> TransportError {
    TransportError(
      code,
      "cannot \(purpose): \(address.origin): \(reason.prefix(500))\(status == 200 ? "" : transfer.proxyNote)",
      status: status)
  }

  /// Refuses an answer whose status is not a success.
  ///
  /// - Parameter detail: what the server says about it, for people.
  /// - Throws: ``TransportError``, of a kind that fits the status.
  public func requireSuccess(detail: String? = nil) throws(TransportError) {
    guard !(200...299).contains(status) else { return }
    let said = detail.map { ": \($0.prefix(400))" } ?? ""
    let words = "\(status) \(HTTPStatus.name(status))\(said)"
    close()
    switch status {
    case 401, 403: throw failure(.unauthorized, words)
    case 404, 410: throw failure(.notFound, words)
    case 416: throw failure(.range, words)
    case 429:
      let wait = retryAfter.map { "; it wants to be asked again in \($0) s" } ?? ""
      throw failure(.rateLimit, words + wait)
    default: throw failure(.status, words)
    }
  }
}

/// The words for statuses.
public enum HTTPStatus {
  /// The usual words for a status; empty for one that is not usual.
  public static func name(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 410: "Gone"
    case 413: "Content Too Large"
    case 416: "Range Not Satisfiable"
    case 429: "Too Many Requests"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 502: "Bad Gateway"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 507: "Insufficient Storage"
    default: ""
    }
  }
}
