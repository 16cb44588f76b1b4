public import Bytes
import Library
import Registry
public import SIF
import Synchronization
import Transport

/// An image on a server, of which only what is needed is read, by ranges. It can only be read.
public final class RemoteImage: Storage {
  private let read: @Sendable (_ first: Int64, _ last: Int64) throws -> HTTPExchange
  private let length: Int64
  private let validator: String?
  private let blocks = Mutex(Blocks())

  /// What was read last.
  private struct Blocks {
    var kept: [Int64: [UInt8]] = [:]
    var order: [Int64] = []
    /// The block after the last one that was read, and how many were read at once.
    var next: Int64 = -1
    var run: Int64 = 1
  }

  private static let blockSize: Int64 = 128 << 10
  /// The most blocks of one request, and the most that are kept: 8 MiB.
  private static let mostBlocks: Int64 = 32
  private static let mostKept = 64

  /// Opens an image by the first bytes of it.
  ///
  /// - Parameter read: asks for a range, the end included.
  /// - Throws: ``TransportError/Code/range`` if the server knows no ranges.
  init(_ read: @escaping @Sendable (Int64, Int64) throws -> HTTPExchange) throws {
    self.read = read
    let first = try read(0, Self.blockSize - 1)
    switch first.status {
    case 206:
      guard let range = first.contentRange, range.first == 0, let total = range.total else {
        first.close()
        throw first.failure(.range, "it does not say which part of the image it has sent")
      }
      length = total
    case 200:
      // A short image may come whole.
      guard let whole = first.contentLength, whole <= Self.blockSize else {
        first.close()
        throw first.failure(.range, "it sends no parts of files, so the whole image has to be pulled")
      }
      length = whole
    default:
      try first.requireSuccess()
      throw first.failure(.range, "it does not send the first part of the image")
    }
    validator = HTTPDownload.validator(first.fields)
    let bytes = try first.bytes(limit: Int(Self.blockSize))
    guard Int64(bytes.count) == min(length, Self.blockSize) else {
      throw first.failure(
        .range, "it has sent \(bytes.count) bytes of the first \(min(length, Self.blockSize))")
    }
    blocks.withLock { blocks in
      blocks.kept[0] = bytes
      blocks.order = [0]
      blocks.next = 1
    }
  }

  /// The length that the server states.
  public var byteCount: Int64 { length }

  /// Reads at an offset until the buffer is full or the image ends.
  public func read(
    into buffer: UnsafeMutableRawBufferPointer, at offset: Int64
  ) throws(StorageFault) -> Int {
    guard offset >= 0, offset < length else { return 0 }
    let count = Int(min(Int64(buffer.count), length - offset))
    var done = 0
    while done < count {
      let position = offset + Int64(done)
      let last = (offset + Int64(count) - 1) / Self.blockSize
      let block = try block(position / Self.blockSize, upTo: last)
      let start = Int(position % Self.blockSize)
      let part = min(block.count - start, count - done)
      guard part > 0 else { return done }
      block.withUnsafeBytes {
        UnsafeMutableRawBufferPointer(rebasing: buffer[done..<done + part]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: $0[start..<start + part]))
      }
      done += part
    }
    return count
  }

  /// A block; what follows it is read with it if it is wanted, too, or if blocks are read one after the other.
  private func block(_ number: Int64, upTo last: Int64) throws(StorageFault) -> [UInt8] {
    // The lock is held while the network is waited for: two readers of one block make one request.
    let result: Result<[UInt8], StorageFault> = blocks.withLock { blocks in
      if let kept = blocks.kept[number] { return .success(kept) }
      do {
        blocks.run = number == blocks.next ? min(blocks.run * 2, Self.mostBlocks) : 1
        let end = min(
          max(number + blocks.run - 1, last), number + Self.mostBlocks - 1, (length - 1) / Self.blockSize)
        let isLast = end == (length - 1) / Self.blockSize
        let bytes = try fetch(
          number * Self.blockSize, isLast ? length - 1 : (end + 1) * Self.blockSize - 1)
        for index in number...end {
          let start = Int((index - number) * Self.blockSize)
          keep(Array(bytes[start..<min(start + Int(Self.blockSize), bytes.count)]), as: index, &blocks)
        }
        blocks.next = end + 1
        return .success(blocks.kept[number] ?? [])
      } catch let fault as any Fault {
        return .failure(StorageFault(.source, causedBy: fault))
      } catch {
        return .failure(StorageFault(.source, "\(error)"))
      }
    }
    return try result.get()
  }

  private func keep(_ bytes: [UInt8], as number: Int64, _ blocks: inout Blocks) {
    if blocks.kept.updateValue(bytes, forKey: number) == nil { blocks.order.append(number) }
    while blocks.order.count > Self.mostKept { blocks.kept[blocks.order.removeFirst()] = nil }
  }

  private func fetch(_ first: Int64, _ last: Int64) throws -> [UInt8] {
    let exchange = try read(first, last)
    if exchange.status != 206 { try exchange.requireSuccess() }
    guard exchange.status == 206, let range = exchange.contentRange, range.first == first, range.last == last,
      range.total ?? length == length
    else {
      exchange.close()
      throw exchange.failure(
        .range,
        "the bytes \(first)-\(last) were asked for, and the answer is \"\(exchange.fields["Content-Range"] ?? "no part")\""
      )
    }
    guard validator == HTTPDownload.validator(exchange.fields) else {
      exchange.close()
      throw exchange.failure(.answer, "the image changed while it was read")
    }
    let bytes = try exchange.bytes(limit: Int(last - first + 1))
    guard Int64(bytes.count) == last - first + 1 else {
      throw exchange.failure(.range, "it has sent \(bytes.count) of \(last - first + 1) bytes")
    }
    return bytes
  }

  private static func readOnly() -> StorageFault {
    StorageFault(.invalidArgument, "an image on a server can only be read")
  }

  /// Fails: the image can only be read.
  public func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(StorageFault) {
    throw Self.readOnly()
  }

  /// Fails: the image can only be read.
  public func truncate(to length: Int64) throws(StorageFault) { throw Self.readOnly() }

  /// Nothing was written.
  public func synchronize() throws(StorageFault) {}
}

extension ImageFetcher {
  /// Opens a SIF image on a server, to read parts of it.
  public func open(_ address: ImageAddress) throws -> RemoteImage {
    switch address {
    case .web(let address):
      let (client, purpose) = (client(for: address), "read \(address)")
      return try RemoteImage { first, last in
        var request = HTTPRequest(.get, address, purpose: purpose)
        request.range = (first, last)
        return try client.send(request)
      }
    case .oras(let reference):
      let (repository, layer) = try artifact(reference)
      return try RemoteImage { first, last in try repository.read(layer, first, last) }
    case .library(let reference):
      let image = try libraryImage(reference)
      return try RemoteImage { first, last in
        try image.client.read(reference, architecture: image.architecture, first, last)
      }
    case .docker:
      throw FetchError(.unsupported, "\(address) is no SIF image; `pull` makes one of it")
    }
  }
}
