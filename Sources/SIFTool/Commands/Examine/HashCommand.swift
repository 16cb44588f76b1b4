import ArgumentParser
import Bytes
import CommandKit
import Forensics
import Gcrypt
import SIF
import Squash
import StrictJSON

struct HashCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "hash", abstract: "Hash an image, its objects, and every file in its partitions.",
    discussion: """
      Writes one line per digest, as sha256sum does. The names are IMAGE, IMAGE#ID for an object, and \
      IMAGE#ID/PATH for a file. With --against, prints for each name whether it is the same, changed, missing, new \
      or not read.

      siftool hash app.sif > app.sha256
      siftool hash app.sif --against app.sha256
      siftool hash app.sif --only files --prefix . | (cd rootfs && sha256sum -c --quiet)

      Exit codes: 0 done, and with --against everything is the same; 1 something differs; 5 something could not be read, or is not a list.
      """)

  /// The things to hash.
  enum Scope: String, EnumerableFlag, ExpressibleByArgument {
    case file
    case objects
    case files

    init(_ scope: EvidenceNames.Scope) {
      self =
        switch scope {
        case .file: .file
        case .objects: .objects
        case .files: .files
        }
    }
  }

  @OptionGroup var evidence: EvidenceOptions
  @Option(help: ArgumentHelp("The algorithm of the digests, by its name in coreutils.", valueName: "name"))
  var algorithm =
    DigestName.standard
  @Option(
    help: ArgumentHelp(
      "Hash only the whole image (file), its objects (objects) or the files in partitions (files); repeatable.",
      valueName: "scope"))
  var only: [Scope] = []
  @Option(
    help: ArgumentHelp("Compare with an earlier list, from siftool or from sha256sum.", valueName: "file"))
  var against: PathArgument?
  @OptionGroup(title: "Output") var output: JSONLinesOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { false }

  var idleOptions: [IdleOptions] {
    guard !wants(.files) else { return [] }
    return [
      IdleOptions(
        ["id", "prefix"] + VolumeKeyOptions.names,
        reason: "is about the files in partitions, which --only leaves out")
    ]
  }

  func execute(_ reporter: Reporter) throws {
    let listing = HashListing(
      output.json ? .document : output.ndjson ? .lines : .text, algorithm, reporter)
    do {
      if let against { listing.earlier = try Self.read(against, algorithm.algorithm) }
      let (image, budget) = try evidence.open(reporter)
      if let damage = image.damage { listing.faults.note(damage, in: nil) }
      let unread = UnreadNames()
      let names = EvidenceNames(
        image: evidence.imageName, hasPrefix: evidence.prefix != nil, wanted: evidence.id?.value,
        ids: Set(image.descriptors.map(\.id)),
        isTableRead: image.header != nil && (image.damage == nil || !image.descriptors.isEmpty))
      listing.changeOfUnmet = { name in
        guard names.isWanted(name, { wants(Scope($0)) }) else { return nil }
        return unread.contains(name) || names.isBeyondTable(name) ? .notRead : .missing
      }
      try hash(image, budget, listing, unread)
      try listing.end(nil)
    } catch {
      let failure = ToolFailure(error)
      try listing.end(failure)
      throw failure
    }
    if let failure = listing.faults.report(reporter) { throw failure }
    if listing.hasDifferences {
      var failure = ToolFailure(.failure, code: "different", "")
      failure.isReported = true
      throw failure
    }
  }

  private func wants(_ scope: Scope) -> Bool { only.isEmpty || only.contains(scope) }

  private func hash(
    _ image: EvidenceImage, _ budget: HashBudget, _ listing: HashListing, _ unread: UnreadNames
  ) throws {
    var budget = budget
    var headers = ContentBudget(fileSize: image.fileSize)
    let partitions = wants(.files) ? try evidence.partitions(of: image) : []
    var whole: [UInt8]?
    var digests: [[UInt8]] = []
    var extents: [(object: Descriptor, range: Result<Range<Int64>, SIFError>)] = []
    if wants(.file) || wants(.objects) {
      if wants(.objects) {
        extents = image.descriptors.map { object in
          (object, Result { () throws(SIFError) in try image.extent(of: object) })
        }
      }
      let bar = listing.reporter.bar(total: image.fileSize)
      // The file on one thread, the objects on another.
      let lists = [wants(.file) ? [0..<image.fileSize] : [], extents.compactMap { try? $0.range.get() }]
      let pass = try ImagePass(image.storage, lists, algorithm.algorithm, budget: &budget) {
        bar.advance(by: $0)
      }
      bar.clear()
      whole = pass.digests[0].first
      digests = pass.digests[1]
      listing.holeBytes = pass.holeBytes
    }
    if let whole {
      try listing.add(.file, nil, path: nil, evidence.imageName, size: image.fileSize, whole)
    }
    var next = digests.makeIterator()
    for (index, object) in image.descriptors.enumerated() {
      if wants(.objects) {
        switch extents[index].range {
        case .failure(let error):
          listing.faults.note(error, in: object)
          unread.add(evidence.name(of: object))
        case .success:
          let digest = next.next() ?? []
          try listing.add(
            .object, object, path: nil, evidence.name(of: object), size: object.size, digest)
        }
      }
      if partitions.contains(object.slot) {
        try hashFiles(of: object, image, &budget, &headers, listing, unread)
      }
    }
  }

  private func hashFiles(
    of object: Descriptor, _ image: EvidenceImage, _ budget: inout HashBudget,
    _ headers: inout ContentBudget, _ listing: HashListing, _ unread: UnreadNames
  ) throws {
    guard
      let (squash, _) = try evidence.files(
        of: object, image, &listing.faults, &headers, listing.reporter, leaveOut: { try listing.leaveOut($0) }
      )
    else {
      unread.addAll(beneath: evidence.name(of: [], in: object))
      return
    }
    do {
      try EntryHasher(squash, algorithm.algorithm, threads: evidence.threads.count).run(budget: &budget) {
        event in
        switch event {
        case .fault(let fault):
          listing.faults.note(fault, in: object)
          unread.addAll(beneath: evidence.name(of: fault.path ?? [], in: object))
        case .entry(let hashed):
          guard hashed.entry.inode.type == .regular else { return }
          if let fault = hashed.fault { listing.faults.note(fault, in: object) }
          let path = hashed.entry.path
          try listing.add(
            .content, object, path: path, evidence.name(of: path, in: object), size: hashed.entry.inode.size,
            hashed.digest)
        }
      }
    } catch let error as SquashError {
      listing.faults.note(error, in: object)
      unread.addAll(beneath: evidence.name(of: [], in: object))
    }
  }

  private static func read(_ file: PathArgument, _ algorithm: HashAlgorithm) throws -> EarlierHashes {
    var source = try FileSource(opening: file.path)
    let block = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 1)
    defer { block.deallocate() }
    var bytes: [UInt8] = []
    // Length of the unfinished line, so that a device is rejected without being read to the end.
    var lineLength = 0
    while bytes.count <= HashList.longestList {
      let count = try source.read(into: block)
      if count == 0 { break }
      bytes += block[..<count]
      lineLength = block[..<count].lastIndex(of: 0x0A).map { count - $0 - 1 } ?? lineLength + count
      guard lineLength <= HashList.longestLine else {
        throw ToolFailure(
          .malformed, code: HashError.Code.list.rawValue,
          "\(file.path.printable): a line is too long for a list of digests")
      }
    }
    do throws(HashError) { return try EarlierHashes(bytes, algorithm: algorithm) } catch {
      throw ToolFailure(error).naming(file.path)
    }
  }
}
