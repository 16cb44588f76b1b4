import Bytes
import Gcrypt
import LinuxSystem
import SIF
import Synchronization

/// The digests of objects' bytes: each object is read once, even if several signatures cover it, and objects are read
/// on several threads.
struct ObjectDigests {
  /// One object to read, with the results.
  private struct Job {
    let descriptor: Descriptor
    /// The algorithms, each once.
    var algorithms: [HashAlgorithm]
    var digests: [IntegrityDigest] = []
    var error: IntegrityError?
  }

  /// The jobs, by ascending ids.
  private var jobs: [Job] = []

  /// Bytes read at once: few enough that they are still in the processor's cache when they are hashed.
  private static let blockBytes = 128 << 10

  /// Hashes objects.
  ///
  /// - Parameter wanted: descriptors with the algorithms that are needed for them, in any order and number.
  init(
    _ image: Image, _ wanted: some Sequence<(Descriptor, HashAlgorithm)>, threads: Int
  ) throws(IntegrityError) {
    var places: [UInt32: Int] = [:]
    for (object, algorithm) in wanted {
      if let place = places[object.id] {
        if !jobs[place].algorithms.contains(algorithm) { jobs[place].algorithms.append(algorithm) }
      } else {
        places[object.id] = jobs.count
        jobs.append(Job(descriptor: object, algorithms: [algorithm]))
      }
    }
    jobs.sort { $0.descriptor.id < $1.descriptor.id }
    // The largest first, so that it does not keep one thread busy at the end while the others wait.
    let todo = jobs
    let order = todo.indices.sorted { todo[$0].descriptor.size > todo[$1].descriptor.size }
    let done = Mutex(todo)
    Workers.forEach(order.count, threads: threads) { place in
      let index = order[place]
      do throws(IntegrityError) {
        let digests = try Self.digests(image, todo[index].descriptor, todo[index].algorithms)
        done.withLock { $0[index].digests = digests }
      } catch {
        done.withLock { $0[index].error = error }
      }
    }
    jobs = done.withLock { $0 }
    for job in jobs { if let error = job.error { throw error } }
  }

  /// The digest of an object in an algorithm; nil if it was not asked for.
  subscript(id: UInt32, algorithm: HashAlgorithm) -> IntegrityDigest? {
    let place = jobs.binarySearch { $0.descriptor.id < id }
    guard place < jobs.count, jobs[place].descriptor.id == id else { return nil }
    return jobs[place].digests.first { $0.algorithm == algorithm }
  }

  private static func digests(
    _ image: Image, _ descriptor: Descriptor, _ algorithms: [HashAlgorithm]
  ) throws(IntegrityError) -> [IntegrityDigest] {
    let reader = try reading { () throws(SIFError) in try image.bytes(of: descriptor) }
    let contexts = try algorithms.map { (algorithm) throws(IntegrityError) in try Running(algorithm) }
    try read(reader) { block in for context in contexts { context.update(block) } }
    return contexts.map { $0.digest() }
  }

  /// Calls a body with all bytes of an object, in order.
  static func read(
    _ reader: ObjectReader, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(IntegrityError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: blockBytes, alignment: 4096)
    defer { buffer.deallocate() }
    var position: Int64 = 0
    while position < reader.byteCount {
      let count = try reading { () throws(SIFError) in
        try accessing(try reader.read(into: buffer, at: position))
      }
      guard count > 0 else {
        throw .image(
          SIFError(.truncated, "the file ended while it was being read", offset: reader.offset + position))
      }
      body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      position += Int64(count)
    }
  }

  /// A running digest in a class, because an array cannot hold values that are not copyable.
  final class Running {
    private var context: HashContext?
    private let algorithm: HashAlgorithm

    init(_ algorithm: HashAlgorithm) throws(IntegrityError) {
      do { context = try HashContext(algorithm) } catch {
        throw .signer(error)
      }
      self.algorithm = algorithm
    }

    func update(_ block: UnsafeRawBufferPointer) { context?.update(block) }

    func digest() -> IntegrityDigest { IntegrityDigest(algorithm, context.take()?.finalize() ?? []) }
  }
}
