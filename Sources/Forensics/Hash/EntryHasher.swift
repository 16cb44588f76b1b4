import Bytes
public import Gcrypt
import LinuxSystem
public import Squash

/// A file of a partition with the digest of its content.
public struct HashedEntry: Sendable {
  /// The file.
  public let entry: Entry
  /// The digest; nil for entries other than regular files, and for unreadable files.
  public let digest: [UInt8]?
  /// The reason why the content cannot be read.
  public let fault: SquashError?
}

/// An event of hashing the files of a partition, in the order of its directories.
public enum HashedEvent: Sendable {
  /// A file of any type.
  case entry(HashedEntry)
  /// Something in the directories that was refused.
  case fault(SquashError)
}

/// Hashes the content of the files of a squashfs on several threads, in memory that does not depend on its size.
/// A file with several names is hashed once.
public struct EntryHasher: Sendable {
  /// The limits of a batch of files, which are hashed together since they are read from the same blocks.
  private static let batchBytes: Int64 = 2 << 20
  private static let batchEntries = 256
  private static let batchPathBytes = 1 << 18
  /// The most bytes of paths in progress; a single path may be a million bytes long.
  private static let mostPathBytes = 8 << 20
  /// The most batches in progress: enough for the other threads to go on while one reads a big file.
  private static let mostBatches = 16
  /// The most files with several names whose digests are remembered. Further ones are hashed once for each
  /// name.
  private static let mostLinks = 1 << 15

  private enum Item: Sendable {
    case file(Entry)
    /// Another name of a file that is already hashed.
    case link(Entry)
    case fault(SquashError)
  }

  private struct Batch: Sendable {
    var items: [Item] = []
    var bytes: Int64 = 0
    var pathBytes = 0

    var isFull: Bool {
      bytes >= EntryHasher.batchBytes || items.count >= EntryHasher.batchEntries
        || pathBytes >= EntryHasher.batchPathBytes
    }
  }

  private let image: SquashImage
  private let algorithm: HashAlgorithm?
  private let threads: Int

  /// A hasher of an image's files.
  ///
  /// - Parameter algorithm: nil to visit the files without reading their contents.
  public init(_ image: SquashImage, _ algorithm: HashAlgorithm?, threads: Int) {
    self.image = image
    self.algorithm = algorithm
    self.threads = algorithm == nil ? 1 : max(1, min(threads, 256))
  }

  /// Visits every file.
  ///
  /// - Parameters:
  ///   - budget: pays for every byte of content.
  ///   - body: called in the order of the directories.
  /// - Throws: ``HashError`` if the budget is used up, ``SquashError`` if nothing more can be read; and the
  ///   errors of `body`.
  public func run(budget: inout HashBudget, _ body: (HashedEvent) throws -> Void) throws {
    let (image, algorithm) = (image, algorithm)
    let pipeline = try OrderedPipeline<Batch, [HashedEvent], SquashError>(threads: threads) {
      () throws(SquashError) in
      let reader = try SquashReader(image)
      return { batch in batch.items.map { Self.perform($0, algorithm, reader) } }
    }
    defer { pipeline.close() }
    var walker = try TreeWalker(try SquashReader(image))
    var results = Results()
    // Files are told apart by the place of their content: the image may claim any inode number.
    var linked: Set<FileLayout> = []
    var batch = Batch()
    while let event = try walker.next() {
      switch event {
      case .name, .endOfDirectory: continue
      case .fault(let fault): batch.items.append(.fault(fault))
      case .entry(let entry):
        var isLink = false
        if let layout = entry.inode.layout, algorithm != nil {
          if entry.inode.linkCount > 1 {
            isLink = linked.contains(layout)
            if !isLink, linked.count < Self.mostLinks { linked.insert(layout) }
          }
          if !isLink {
            try budget.spend(layout.size, on: "file \(entry.path.escapedName)")
            batch.bytes += layout.size
          }
        }
        batch.items.append(isLink ? .link(entry) : .file(entry))
        batch.pathBytes += entry.path.count + entry.name.count + (entry.inode.symlinkTarget?.count ?? 0)
      }
      if batch.isFull {
        results.pathBytes.append(batch.pathBytes)
        pipeline.submit(batch)
        batch = Batch()
        while pipeline.outstanding > Self.mostBatches || results.pathBytesUnderWay > Self.mostPathBytes {
          try results.hand(pipeline, to: body)
        }
      }
    }
    results.pathBytes.append(batch.pathBytes)
    pipeline.submit(batch)
    while pipeline.outstanding > 0 { try results.hand(pipeline, to: body) }
  }

  /// The results on their way from the threads to the caller.
  private struct Results {
    /// The bytes of paths in each batch in progress.
    var pathBytes: [Int] = []
    private var links: [FileLayout: (digest: [UInt8]?, fault: SquashError?)] = [:]

    var pathBytesUnderWay: Int { pathBytes.reduce(0, +) }

    mutating func hand(
      _ pipeline: OrderedPipeline<Batch, [HashedEvent], SquashError>, to body: (HashedEvent) throws -> Void
    ) throws {
      guard let events = try pipeline.take() else { return }
      pathBytes.removeFirst()
      for event in events { try body(resolved(event)) }
    }

    /// Remembers the digest of a file with several names, and fills it in for its other names.
    private mutating func resolved(_ event: HashedEvent) -> HashedEvent {
      guard case .entry(let hashed) = event, let layout = hashed.entry.inode.layout,
        hashed.entry.inode.linkCount > 1
      else { return event }
      if let known = links[layout] {
        return .entry(HashedEntry(entry: hashed.entry, digest: known.digest, fault: known.fault))
      }
      if links.count < EntryHasher.mostLinks { links[layout] = (hashed.digest, hashed.fault) }
      return event
    }
  }

  private static func perform(
    _ item: Item, _ algorithm: HashAlgorithm?, _ reader: SquashReader
  ) -> HashedEvent {
    let entry: Entry
    switch item {
    case .fault(let fault): return .fault(fault)
    case .link(let link): return .entry(HashedEntry(entry: link, digest: nil, fault: nil))
    case .file(let file): entry = file
    }
    guard let layout = entry.inode.layout, let algorithm else {
      return .entry(HashedEntry(entry: entry, digest: nil, fault: nil))
    }
    do throws(SquashError) {
      return .entry(
        HashedEntry(entry: entry, digest: try digest(layout, algorithm, reader), fault: nil))
    } catch {
      var fault = error
      if fault.path == nil { fault.path = entry.path }
      return .entry(HashedEntry(entry: entry, digest: nil, fault: fault))
    }
  }

  private static func digest(
    _ layout: FileLayout, _ algorithm: HashAlgorithm, _ reader: SquashReader
  ) throws(SquashError) -> [UInt8] {
    let digest: RunningDigest
    do { digest = try RunningDigest(algorithm) } catch { throw SquashError(.library, error.description) }
    var end: Int64 = 0
    try reader.read(layout) { (offset, bytes) throws(SquashError) in
      digest.update(zeros: offset - end)
      digest.update(bytes)
      end = offset + Int64(bytes.count)
    }
    digest.update(zeros: layout.size - end)
    return digest.digest()
  }
}
