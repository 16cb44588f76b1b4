import Bytes
public import OCI
import Registry
import Synchronization

extension ImageFetcher {
  /// Sends an image of OCI or Docker to a registry: the blobs that the registry lacks, and the manifest as it is.
  ///
  /// - Parameters:
  ///   - chunk: the most bytes of one request; nil for a whole blob in one.
  ///   - joins: whether the tag becomes, or stays, an index with an image for each platform.
  public func push(
    _ image: OCIImage, to reference: OCIReference, chunk: Int64? = nil, joining joins: Bool = false
  ) throws -> PushedImage {
    guard reference.digest == nil else {
      throw FetchError(.address, "docker://\(reference): a push goes to a tag, not to a digest")
    }
    let repository = try repository(reference)
    // Blobs that only their makers may hand out stay where they are.
    let blobs = image.manifest.layers.filter { $0.urls.isEmpty } + [image.manifest.config]
    let byteCount = blobs.reduce(Int64(0)) { $0.addingReportingOverflow($1.size).partialValue }
    let progress = settings.progress?(byteCount)
    var wasSent = false
    for blob in blobs {
      let source: any RandomAccess = blob.data.map(MemoryReader.init) ?? BlobReader(image.source, blob)
      if case .sent = try repository.upload(source, blob, chunk: chunk, progress: progress) { wasSent = true }
    }
    var descriptor = image.descriptor
    if descriptor.mediaType.isEmpty { descriptor.mediaType = OCIMediaType.manifest }
    descriptor.annotations = [:]
    descriptor.platform = image.config.platform
    try publish(image.manifestBytes, descriptor, repository, reference.tag ?? "latest", joining: joins)
    return PushedImage(
      manifest: descriptor.digest.description, image: image.manifest.config.digest.description,
      byteCount: byteCount, wasSent: wasSent)
  }
}

/// A blob as bytes at an offset, for uploads: they read from front to back, and begin again when a connection breaks.
private final class BlobReader: RandomAccess {
  private struct State {
    var stream: (any ByteStream)?
    var position: Int64 = 0
  }

  private let source: any OCIBlobSource
  private let descriptor: OCIDescriptor
  private let state = Mutex(State())

  init(_ source: any OCIBlobSource, _ descriptor: OCIDescriptor) {
    self.source = source
    self.descriptor = descriptor
  }

  var byteCount: Int64 { descriptor.size }
  var origin: Int64? { nil }

  func read(into buffer: UnsafeMutableRawBufferPointer, at offset: Int64) throws(StorageFault) -> Int {
    let address = UInt(bitPattern: buffer.baseAddress)
    let count = buffer.count
    let result = state.withLock { state in
      Result {
        let buffer = UnsafeMutableRawBufferPointer(
          start: UnsafeMutableRawPointer(bitPattern: address), count: count)
        return try read(&state, buffer, offset)
      }
    }
    do { return try result.get() } catch { throw StorageFault(.source, "\(error)") }
  }

  private func read(
    _ state: inout State, _ buffer: UnsafeMutableRawBufferPointer, _ offset: Int64
  ) throws -> Int {
    if state.stream == nil || offset < state.position {
      state = State(stream: try source.open(descriptor))
    }
    guard let stream = state.stream, buffer.count > 0 else { return 0 }
    while state.position < offset {
      let rest = UnsafeMutableRawBufferPointer(
        rebasing: buffer[..<Int(min(Int64(buffer.count), offset - state.position))])
      let count = try stream.read(into: rest)
      guard count > 0 else { return 0 }
      state.position += Int64(count)
    }
    let count = try stream.fill(buffer)
    state.position += Int64(count)
    return count
  }
}
