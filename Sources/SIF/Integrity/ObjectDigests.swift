import Gcrypt
import Glibc
import Synchronization

/// The digests of objects' bytes: each object is read once, whatever number of signatures cover it, and
/// objects are read on several threads.
struct ObjectDigests {
  private var values: [UInt32: [IntegrityDigest]] = [:]

  /// Bytes read at once: few enough that they are still in the processor's cache when they are hashed.
  private static let blockBytes = 128 << 10

  /// Hashes objects.
  ///
  /// - Parameter wanted: descriptors with the algorithms that their bytes are needed in.
  init(_ image: Image, _ wanted: [(Descriptor, Set<HashAlgorithm>)], threads: Int) throws(IntegrityError) {
    // The largest first, so that no thread is left alone with it at the end.
    let ordered = wanted.sorted { $0.0.size > $1.0.size }
    let results = Mutex<[Result<[IntegrityDigest], IntegrityError>?]>(
      Array(repeating: nil, count: ordered.count))
    Workers.forEach(ordered.count, threads: threads) { index in
      let (descriptor, algorithms) = ordered[index]
      let result = Result { () throws(IntegrityError) in try Self.digests(image, descriptor, algorithms) }
      results.withLock { $0[index] = result }
    }
    for (index, result) in results.withLock({ $0 }).enumerated() {
      values[ordered[index].0.id] = try result?.get() ?? []
    }
  }

  /// The digest of an object in an algorithm; nil where it was not asked for.
  subscript(id: UInt32, algorithm: HashAlgorithm) -> IntegrityDigest? {
    values[id]?.first { $0.algorithm == algorithm }
  }

  private static func digests(
    _ image: Image, _ descriptor: Descriptor, _ algorithms: Set<HashAlgorithm>
  ) throws(IntegrityError) -> [IntegrityDigest] {
    let reader = try reading { () throws(SIFError) in try image.bytes(of: descriptor) }
    let contexts = try algorithms.map { (algorithm) throws(IntegrityError) in try Running(algorithm) }
    try read(reader) { block in for context in contexts { context.update(block) } }
    return contexts.map { $0.digest() }
  }

  /// Calls a body with all bytes of an object in order.
  static func read(
    _ reader: ObjectReader, _ body: (UnsafeRawBufferPointer) -> Void
  ) throws(IntegrityError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: blockBytes, alignment: 4096)
    defer { buffer.deallocate() }
    var position: Int64 = 0
    while position < reader.byteCount {
      let count = try reading { () throws(SIFError) in try reader.read(into: buffer, at: position) }
      guard count > 0 else {
        throw .image(
          SIFError(.truncated, "the file ended while it was being read", offset: reader.offset + position))
      }
      body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
      position += Int64(count)
    }
  }

  /// A running digest in a box, for there are no arrays of what cannot be copied.
  final class Running {
    private var context: HashContext?
    private let algorithm: HashAlgorithm

    init(_ algorithm: HashAlgorithm) throws(IntegrityError) {
      do { context = try HashContext(algorithm) } catch {
        throw .signer(code: "library", message: error.description)
      }
      self.algorithm = algorithm
    }

    func update(_ block: UnsafeRawBufferPointer) { context?.update(block) }

    func digest() -> IntegrityDigest { IntegrityDigest(algorithm, context.take()?.finalize() ?? []) }
  }
}

/// Threads for as long as a job takes.
enum Workers {
  /// The processors that this process may use.
  static var processors: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// Calls a body with every number below `count`, on up to that many threads of which the caller's is one.
  static func forEach(_ count: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let job = Job(count, body)
    var others: [pthread_t] = []
    for _ in 1..<max(1, min(threads, count)) {
      var thread = pthread_t()
      let argument = Unmanaged.passRetained(job)
      let status = pthread_create(
        &thread, nil,
        { argument in
          if let argument { Unmanaged<Job>.fromOpaque(argument).takeRetainedValue().run() }
          return nil
        }, argument.toOpaque())
      // Without another thread the work is still done, only later.
      if status == 0 { others.append(thread) } else { argument.release() }
    }
    job.run()
    for thread in others { pthread_join(thread, nil) }
  }

  private final class Job: Sendable {
    private let next = Atomic<Int>(0)
    private let count: Int
    private let body: @Sendable (Int) -> Void

    init(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.count = count
      self.body = body
    }

    func run() {
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < count else { return }
        body(index)
      }
    }
  }
}
