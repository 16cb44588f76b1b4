public import Bytes
import Gcrypt

/// A place with blobs: a registry, a layout, an archive.
public protocol OCIBlobSource: Sendable {
  /// Opens a blob for reading from its beginning. Its bytes need not be checked: ``OCIBlobSource/verified(_:)`` does it.
  ///
  /// Indexes and manifests are blobs, too; a registry tells them by their media types.
  func open(_ descriptor: OCIDescriptor) throws -> any ByteStream
}

extension OCIBlobSource {
  /// Opens a blob whose size and digest are checked while it is read.
  public func verified(_ descriptor: OCIDescriptor) throws -> VerifyingStream {
    if let data = descriptor.data {
      return try VerifyingStream(RandomAccessStream(MemoryReader(data)), descriptor)
    }
    return try VerifyingStream(try open(descriptor), descriptor)
  }

  /// A whole blob, checked.
  ///
  /// - Throws: ``OCIError/Code/limitExceeded`` if it is longer than an index, a manifest or a configuration may be.
  public func document(_ descriptor: OCIDescriptor) throws -> [UInt8] {
    guard descriptor.size <= Int64(OCIIndex.longest) else {
      throw OCIError(
        .limitExceeded,
        "the document \(descriptor.digest) has \(descriptor.size) bytes; at most 16 MiB are accepted")
    }
    return try verified(descriptor).bytes(limit: OCIIndex.longest)
  }
}

/// A blob that is checked while it is read: more bytes than its descriptor states are an error at once, and so are too few, and
/// a wrong digest, at its end. So nobody may use what was read before the end has been seen.
public final class VerifyingStream: ByteStream, @unchecked Sendable {
  private let stream: any ByteStream
  private let descriptor: OCIDescriptor
  private var context: HashContext?
  private var left: Int64

  /// A check of another stream.
  public init(_ stream: any ByteStream, _ descriptor: OCIDescriptor) throws(OCIError) {
    self.stream = stream
    self.descriptor = descriptor
    left = descriptor.size
    do throws(GcryptError) { context = try HashContext(descriptor.digest.algorithm) } catch {
      throw OCIError(.unsupported, error.description, causedBy: error)
    }
  }

  /// Reads at most as many bytes as the buffer holds; returns 0 at the end, if size and digest are right.
  public func read(into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
    let count = try stream.read(into: buffer)
    guard count <= left else {
      throw OCIError(
        .wrongSize,
        "the blob \(descriptor.digest) is longer than the \(descriptor.size) bytes that are stated")
    }
    left -= Int64(count)
    guard count == 0 else {
      context?.update(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      return count
    }
    guard left == 0 else {
      throw OCIError(
        .wrongSize,
        "the blob \(descriptor.digest) ends after \(descriptor.size - left) of its \(descriptor.size) bytes")
    }
    // The end was seen before.
    guard let finished = context.take() else { return 0 }
    let found = OCIDigest(descriptor.digest.algorithm, finished.finalize())
    guard found == descriptor.digest else {
      throw OCIError(
        .wrongDigest, "the blob \(descriptor.digest) has the digest \(found): its bytes were changed")
    }
    return 0
  }
}
