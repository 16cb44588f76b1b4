import Bytes
import CCurl
import Glibc

/// One request to one address, as libcurl makes it. It moves on only while somebody waits for its bytes.
final class Transfer {
  let request: HTTPRequest
  private let settings: HTTPSettings
  private let library: CurlLibrary
  private let easy: UnsafeMutableRawPointer
  private var connections: HTTPClient.Connections?
  private let ended: (HTTPClient.Connections) -> Void
  private var lists: [UnsafeMutablePointer<curl_slist>] = []
  private let errorText: UnsafeMutablePointer<CChar>

  // The head.
  private var status = 0
  private var fields = HTTPFields()
  private var headBytes = 0
  private var isHeadComplete = false
  /// The most bytes of all heads of one answer.
  private static let headLimit = 256 << 10

  // The body that comes.
  private var destination = UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private var filled = 0
  private var early: [UInt8] = []
  private var earlyStart = 0
  private var isPaused = false
  private var received: Int64 = 0
  /// The most bytes that are kept until somebody asks for them.
  private static let earlyLimit = 256 << 10

  // The body that goes.
  private var sent: Int64 = 0
  private var sourceFault: StorageFault?

  private var result: CURLcode?
  private var waited = 0.0
  private var movedBefore: Int64 = 0
  /// What is too slow: fewer bytes in a second.
  private static let slowest: Int64 = 100

  init(
    _ request: HTTPRequest, _ settings: HTTPSettings, _ connections: HTTPClient.Connections,
    ended: @escaping (HTTPClient.Connections) -> Void
  ) throws(TransportError) {
    self.request = request
    self.settings = settings
    self.connections = connections
    self.ended = ended
    library = connections.library
    guard let easy = library.calls.pointee.easy_init() else {
      throw TransportError(.noLibrary, "libcurl cannot make a request: no memory")
    }
    self.easy = easy
    errorText = UnsafeMutablePointer<CChar>.allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    try setUp()
    guard library.calls.pointee.multi_add_handle(connections.multi, easy) == CURLM_OK else {
      throw TransportError(.noLibrary, "libcurl cannot make a request")
    }
  }

  deinit {
    close()
    library.calls.pointee.easy_cleanup(easy)
    for list in lists { library.calls.pointee.slist_free_all(list) }
    errorText.deallocate()
  }

  /// Ends the transfer, and gives the connections back.
  func close() {
    guard let connections else { return }
    _ = library.calls.pointee.multi_remove_handle(connections.multi, easy)
    self.connections = nil
    if result == nil { result = CURLE_ABORTED_BY_CALLBACK }
    ended(connections)
  }

  // MARK: Setting up

  private func set(_ option: CURLoption, _ value: Int) {
    _ = curl_set_long(library.calls, easy, option, value)
  }
  private func set(_ option: CURLoption, _ value: String?) {
    _ = curl_set_text(library.calls, easy, option, value)
  }

  private func setUp() throws(TransportError) {
    let calls = library.calls
    let context = Unmanaged.passUnretained(self).toOpaque()
    set(CURLOPT_URL, request.address.text)
    // Nothing else is spoken, whatever a server or a variable names.
    if curl_set_text(calls, easy, CURLOPT_PROTOCOLS_STR, "http,https") != CURLE_OK {
      set(CURLOPT_PROTOCOLS, Int(CURLPROTO_HTTP | CURLPROTO_HTTPS))
    }
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_PATH_AS_IS, 1)
    set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1)
    set(CURLOPT_CONNECTTIMEOUT, settings.connectTimeout)
    set(CURLOPT_BUFFERSIZE, HTTPExchange.pieceSize)
    set(CURLOPT_UPLOAD_BUFFERSIZE, 256 << 10)
    set(CURLOPT_USERAGENT, settings.userAgent)
    set(CURLOPT_SSLVERSION, Int(CURL_SSLVERSION_TLSv1_2))
    _ = curl_set_pointer(calls, easy, CURLOPT_ERRORBUFFER, errorText)
    _ = curl_set_pointer(calls, easy, CURLOPT_HEADERDATA, context)
    _ = curl_set_callback(calls, easy, CURLOPT_HEADERFUNCTION) { bytes, size, count, context in
      Transfer.of(context).takeHead(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    _ = curl_set_pointer(calls, easy, CURLOPT_WRITEDATA, context)
    _ = curl_set_callback(calls, easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      Transfer.of(context).take(UnsafeRawBufferPointer(start: bytes, count: size * count))
    }
    setUpCertificates()
    setUpMethod(context)
    setUpFields()
  }

  private static func of(_ context: UnsafeMutableRawPointer?) -> Transfer {
    guard let context else { fatalError("libcurl lost the context of a callback") }
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }

  private func setUpCertificates() {
    let file = settings.caFile ?? Self.variable("SSL_CERT_FILE")
    let directory = settings.caDirectory ?? Self.variable("SSL_CERT_DIR")
    if file != nil || directory != nil {
      // Each is in the place of the system's, so the other one is not to stay the system's.
      set(CURLOPT_CAINFO, file)
      set(CURLOPT_CAPATH, directory)
    }
    if let certificate = settings.clientCertificate {
      set(CURLOPT_SSLCERT, certificate)
      set(CURLOPT_SSLKEY, settings.clientKey ?? certificate)
    }
    guard !settings.checksCertificates else { return }
    set(CURLOPT_SSL_VERIFYPEER, 0)
    set(CURLOPT_SSL_VERIFYHOST, 0)
  }

  static func variable(_ name: String) -> String? {
    guard let value = getenv(name), value.pointee != 0 else { return nil }
    return String(cString: value)
  }

  private func setUpMethod(_ context: UnsafeMutableRawPointer) {
    switch (request.method, request.body.byteCount) {
    case (.get, nil): set(CURLOPT_HTTPGET, 1)
    case (.head, _): set(CURLOPT_NOBODY, 1)
    case (.delete, nil):
      set(CURLOPT_HTTPGET, 1)
      set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
    case (_, let byteCount):
      set(CURLOPT_UPLOAD, 1)
      set(CURLOPT_CUSTOMREQUEST, request.method.rawValue)
      _ = curl_set_offset(library.calls, easy, CURLOPT_INFILESIZE_LARGE, byteCount ?? 0)
      _ = curl_set_pointer(library.calls, easy, CURLOPT_READDATA, context)
      _ = curl_set_callback(library.calls, easy, CURLOPT_READFUNCTION) { bytes, size, count, context in
        Transfer.of(context).give(UnsafeMutableRawBufferPointer(start: bytes, count: size * count))
      }
      _ = curl_set_pointer(library.calls, easy, CURLOPT_SEEKDATA, context)
      _ = curl_set_seek(library.calls, easy) { context, offset, origin in
        guard origin == SEEK_SET else { return Int32(CURL_SEEKFUNC_FAIL) }
        Transfer.of(context).sent = Int64(offset)
        return Int32(CURL_SEEKFUNC_OK)
      }
    }
  }

  private func setUpFields() {
    // A server that wants to be asked first would cost a second where it does not know that question.
    var lines = ["Expect:"]
    for field in request.fields.all { lines.append("\(field.name): \(field.value)") }
    if let authorization = request.authorization {
      var clean = HTTPFields()
      clean.add("Authorization", authorization)
      lines.append("Authorization: \(clean.all[0].value)")
    }
    if let range = request.range {
      lines.append("Range: bytes=\(range.first)-\(range.last.map { "\($0)" } ?? "")")
    }
    var list: UnsafeMutablePointer<curl_slist>?
    for line in lines { list = library.calls.pointee.slist_append(list, line) ?? list }
    if let list { lists.append(list) }
    _ = curl_set_list(library.calls, easy, CURLOPT_HTTPHEADER, list)
  }

  // MARK: Callbacks

  /// Takes a line of a head. Heads of interim answers are dropped when the next one begins.
  private func takeHead(_ line: UnsafeRawBufferPointer) -> Int {
    headBytes += line.count
    guard headBytes <= Self.headLimit else { return 0 }
    // Lines after the body are of no use to anybody.
    guard !isHeadComplete else { return line.count }
    var text = line[...]
    while let last = text.last, last == 0x0A || last == 0x0D { text.removeLast() }
    if text.isEmpty {
      isHeadComplete = status >= 200
    } else if text.starts(with: "HTTP/".utf8) {
      fields = HTTPFields()
      status = curl_get_long(library.calls, easy, CURLINFO_RESPONSE_CODE)
    } else if let colon = text.firstIndex(of: 0x3A) {
      let blanks: [UInt8] = [0x20, 0x09]
      var value = text[(colon + 1)...].drop { blanks.contains($0) }
      while let last = value.last, blanks.contains(last) { value.removeLast() }
      fields.add(
        String(decoding: text[..<colon], as: UTF8.self), String(decoding: value, as: UTF8.self))
    }
    return line.count
  }

  private func take(_ bytes: UnsafeRawBufferPointer) -> Int {
    let room = destination.count - filled
    if room == 0, early.count - earlyStart >= Self.earlyLimit {
      isPaused = true
      return curl_pause
    }
    let direct = min(room, bytes.count)
    if direct > 0, let base = destination.baseAddress, let source = bytes.baseAddress {
      (base + filled).copyMemory(from: source, byteCount: direct)
      filled += direct
    }
    if direct < bytes.count { early.append(contentsOf: bytes[direct...]) }
    received += Int64(bytes.count)
    return bytes.count
  }

  private func give(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
    let count: Int
    switch request.body {
    case .none: return 0
    case .bytes(let bytes):
      count = min(buffer.count, bytes.count - Int(sent))
      bytes.withUnsafeBytes {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[Int(sent)..<Int(sent) + count]))
      }
    case .source(let source, let byteCount):
      let wanted = Int(min(Int64(buffer.count), byteCount - sent))
      guard wanted > 0 else { return 0 }
      do throws(StorageFault) {
        count = try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: sent)
        guard count > 0 else {
          throw StorageFault(.truncated, "the bytes to send end after \(sent) of \(byteCount)")
        }
      } catch {
        sourceFault = error
        return curl_abort_reading
      }
    }
    sent += Int64(count)
    return count
  }

  // MARK: Moving on

  /// Waits for the head.
  func head() throws(TransportError) -> (status: Int, fields: HTTPFields) {
    while !isHeadComplete {
      if let result {
        // libcurl takes a head that breaks off for a whole one.
        throw failure(result == CURLE_OK ? CURLE_RECV_ERROR : result)
      }
      try move()
    }
    return (status, fields)
  }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(TransportError) -> Int {
    guard buffer.count > 0 else { return 0 }
    if earlyStart < early.count {
      let count = min(buffer.count, early.count - earlyStart)
      early.withUnsafeBytes {
        buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[earlyStart..<earlyStart + count]))
      }
      earlyStart += count
      if earlyStart == early.count {
        early.removeAll(keepingCapacity: true)
        earlyStart = 0
      }
      return count
    }
    destination = buffer
    filled = 0
    defer { destination = UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    if isPaused, connections != nil {
      isPaused = false
      _ = library.calls.pointee.easy_pause(easy, CURLPAUSE_CONT)
    }
    while filled == 0, result == nil { try move() }
    if filled > 0 { return filled }
    if let result, result != CURLE_OK { throw failure(result) }
    return 0
  }

  /// Has libcurl do what can be done now, or waits until something can be done.
  private func move() throws(TransportError) {
    guard let multi = connections?.multi else {
      result = result ?? CURLE_ABORTED_BY_CALLBACK
      return
    }
    let before = received + sent + Int64(headBytes)
    var running: Int32 = 0
    let code = library.calls.pointee.multi_perform(multi, &running)
    guard code == CURLM_OK else {
      throw TransportError(.broken, "cannot \(request.purpose): libcurl failed (\(code.rawValue))")
    }
    var left: Int32 = 0
    while let message = library.calls.pointee.multi_info_read(multi, &left) {
      if message.pointee.msg == CURLMSG_DONE { result = curl_message_result(message) }
    }
    guard result == nil, received + sent + Int64(headBytes) == before else { return }
    let start = Self.now
    _ = library.calls.pointee.multi_poll(multi, nil, 0, 1000, nil)
    try checkPace(Self.now - start)
  }

  /// Gives up if in the time that was spent waiting too few bytes have come or gone.
  private func checkPace(_ seconds: Double) throws(TransportError) {
    waited += seconds
    // A server that has been given much may have to check it before it answers.
    let patience = Double(settings.stallTimeout) * (sent > 1 << 20 && !isHeadComplete ? 5 : 1)
    guard waited >= patience else { return }
    let moved = received + sent + Int64(headBytes)
    guard Double(moved - movedBefore) >= patience * Double(Self.slowest) else {
      let step = !isHeadComplete ? "waiting for an answer" : "after \(received) bytes"
      throw TransportError(
        .timeout,
        "cannot \(request.purpose): \(request.address.origin) sent nothing, or next to nothing, for \(Int(patience)) s, \(step)\(proxyNote)"
      )
    }
    movedBefore = moved
    waited = 0
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }

  // MARK: Errors

  private func failure(_ result: CURLcode) -> TransportError {
    var text = String(cString: errorText)
    if text.isEmpty, let words = library.calls.pointee.easy_strerror(result) { text = String(cString: words) }
    let code: TransportError.Code
    let answer = curl_get_long(library.calls, easy, CURLINFO_HTTP_CONNECTCODE)
    switch result {
    case _ where answer != 0 && !(200...299).contains(answer):
      code = .proxy
      text =
        "the proxy answered \(answer) \(answer == 407 ? "(it wants a password)" : HTTPStatus.name(answer))"
    case CURLE_COULDNT_RESOLVE_PROXY, CURLE_PROXY: code = .proxy
    case CURLE_COULDNT_RESOLVE_HOST: code = .unknownHost
    case CURLE_COULDNT_CONNECT: code = .connect
    case CURLE_OPERATION_TIMEDOUT: code = .timeout
    case CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CONNECT_ERROR, CURLE_SSL_CERTPROBLEM,
      CURLE_SSL_CACERT_BADFILE, CURLE_SSL_ISSUER_ERROR, CURLE_SSL_CIPHER, CURLE_SSL_ENGINE_INITFAILED,
      CURLE_USE_SSL_FAILED, CURLE_SSL_PINNEDPUBKEYNOTMATCH, CURLE_SSL_INVALIDCERTSTATUS:
      code = .tls
    case CURLE_ABORTED_BY_CALLBACK where sourceFault != nil:
      code = .source
      text = sourceFault?.description ?? text
    case CURLE_WRITE_ERROR where headBytes > Self.headLimit:
      code = .tooLarge
      text = "the head of the answer has more than \(Self.headLimit) bytes"
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING,
      CURLE_BAD_FUNCTION_ARGUMENT:
      code = .answer
    default:
      code = .broken
      if isHeadComplete { text = "the connection broke after \(received) bytes (\(text))" }
    }
    return TransportError(
      code, "cannot \(request.purpose): \(request.address.origin): \(text.printable)\(proxyNote)")
  }

  /// The proxy that the environment names for this address, for errors; empty without one.
  var proxyNote: String {
    let names =
      request.address.scheme == .https
      ? ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] : ["http_proxy", "all_proxy", "ALL_PROXY"]
    guard let name = names.first(where: { Self.variable($0) != nil }), var proxy = Self.variable(name) else {
      return ""
    }
    // A password is not for everybody's eyes.
    if let end = proxy.lastIndex(of: "@") {
      let scheme = proxy.firstRange(of: "://").map { String(proxy[..<$0.upperBound]) } ?? ""
      proxy = scheme + String(proxy[proxy.index(after: end)...])
    }
    return " (\(name) names the proxy \(proxy.printable))"
  }
}
