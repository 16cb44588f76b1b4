public import Bytes
import Gcrypt
import LinuxSystem
public import OCI
import Synchronization
import Transport

extension RegistryRepository {
  /// Files shorter than this are hashed before they are sent: that takes less time than a request.
  private static let shortest: Int64 = 4 << 20

  /// Sends a blob whose digest is not known. It is hashed while it is sent, so both take the time of the longer one.
  ///
  /// The upload ends early if the repository turns out to have the blob.
  ///
  /// - Parameters:
  ///   - isLikelyThere: whether to look for the blob before anything is sent.
  ///   - chunk: the most bytes of one request; nil for all at once, unless the registry takes less.
  ///   - progress: told how many bytes have been sent.
  /// - Returns: the blob's digest, and how it came to the repository.
  public func upload(
    hashing source: any RandomAccess, isLikelyThere: Bool = false, chunk: Int64? = nil,
    progress: (@Sendable (Int64) -> Void)? = nil
  ) throws -> (OCIDescriptor, UploadResult) {
    let byteCount = try source.byteCount
    let counted = CountedSource(source, progress)
    if isLikelyThere || chunk != nil || byteCount < Self.shortest {
      let digest = try BackgroundDigest(of: source, byteCount)
      let descriptor = OCIDescriptor(mediaType: "", digest: try digest.wait(), size: byteCount)
      return (descriptor, try upload(counted, descriptor, chunk: chunk))
    }
    let hashing = try BackgroundDigest(of: source, byteCount) { [self] in (try? hasBlob($0)) == true }
    defer { hashing.cancel() }
    let descriptor = { () throws -> OCIDescriptor in
      OCIDescriptor(mediaType: "", digest: try hashing.wait(), size: byteCount)
    }
    var place: HTTPAddress?
    do {
      let start = try startUpload()
      place = start
      let next = try stream(StoppableSource(source: counted, hashing: hashing), byteCount, to: start)
      let descriptor = try descriptor()
      if hashing.isPresent {
        cancelUpload(next)
        return (descriptor, .present)
      }
      try finishUpload(descriptor, next)
      return (descriptor, .sent)
    } catch let error as TransportError {
      if let place, error.code == .source, hashing.isPresent {
        cancelUpload(place)
        return (try descriptor(), .present)
      }
      // Not every registry takes a blob in this way, and what breaks is sent anew.
      guard [.broken, .notFound, .range, .status].contains(error.code) else { throw error }
      registry.client.settings.notice?("\(error.description); sending it in another way")
      let descriptor = try descriptor()
      return (descriptor, try upload(counted, descriptor, chunk: chunk))
    }
  }

  private func stream(
    _ source: any RandomAccess, _ byteCount: Int64, to place: HTTPAddress
  ) throws -> HTTPAddress {
    var request = HTTPRequest(
      .patch, place, purpose: purpose(nil),
      fields: HTTPFields([("Content-Type", "application/octet-stream")]),
      body: .source(source, byteCount: byteCount))
    request.isRepeatable = false
    let exchange = try registry.send(request, scopes: pushScopes)
    try RegistryClient.requireSuccess(exchange)
    exchange.close()
    return try next(exchange)
  }

  /// Tells the registry that nothing more comes. It forgets the upload by itself if it is not told.
  private func cancelUpload(_ place: HTTPAddress) {
    _ = try? registry.send(HTTPRequest(.delete, place, purpose: purpose(nil)), scopes: pushScopes).close()
  }
}

/// A digest that a thread finds while its bytes are on their way.
private final class BackgroundDigest: @unchecked Sendable {
  private struct State {
    var result: Result<OCIDigest, any Error> = .failure(StorageFault(.truncated, "nothing was hashed"))
    var isPresent = false
    var isCancelled = false
  }

  private let source: any RandomAccess
  private let byteCount: Int64
  private let state = Mutex(State())
  private var thread: Thread?

  /// Begins to hash.
  ///
  /// - Parameter isPresent: asked whether the repository has the blob.
  init(
    of source: any RandomAccess, _ byteCount: Int64,
    isPresent: @escaping @Sendable (OCIDigest) -> Bool = { _ in false }
  ) throws(SystemError) {
    self.source = source
    self.byteCount = byteCount
    thread = try Thread { [self] in
      let result = Result { try hash() }
      state.withLock { $0.result = result }
      guard case .success(let digest) = result, isPresent(digest) else { return }
      state.withLock { $0.isPresent = true }
    }
  }

  /// Whether the repository has the blob.
  var isPresent: Bool { state.withLock { $0.isPresent } }

  /// Waits for the digest. Only the owner may call this.
  func wait() throws -> OCIDigest {
    thread?.join()
    thread = nil
    return try state.withLock { $0.result }.get()
  }

  /// Has the thread end soon: nobody wants the digest any more.
  func cancel() { state.withLock { $0.isCancelled = true } }

  private func hash() throws -> OCIDigest {
    var context = try HashContext(.sha256)
    var block = [UInt8](repeating: 0, count: 256 << 10)
    var position: Int64 = 0
    while position < byteCount, !state.withLock({ $0.isCancelled }) {
      let count = try block.withUnsafeMutableBytes { buffer throws(StorageFault) in
        let wanted = Int(min(Int64(buffer.count), byteCount - position))
        return try source.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
      }
      guard count > 0 else {
        throw StorageFault(.truncated, "the bytes to send end after \(position) of \(byteCount)")
      }
      block.withUnsafeBytes { context.update(UnsafeRawBufferPointer(rebasing: $0[..<count])) }
      position += Int64(count)
    }
    return OCIDigest(.sha256, context.finalize())
  }
}

/// Bytes to send that end when nobody needs them any more.
private struct StoppableSource: RandomAccess {
  let source: CountedSource
  let hashing: BackgroundDigest

  var byteCount: Int64 { get throws(StorageFault) { try source.byteCount } }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    guard !hashing.isPresent else { throw StorageFault(.source, "the repository has the blob") }
    return try source.read(into: buffer, at: offset)
  }
}
