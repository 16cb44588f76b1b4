import Glibc
public import LinuxSystem
import SystemPackage

extension SquashImage {
  /// Extracts into a directory, which is created if it does not exist.
  ///
  /// ```swift
  /// let report = try squashfs.extract(to: "app")
  /// ```
  ///
  /// - Returns: the number of entries, the faults of the image that were refused, and the patterns of
  ///   ``ExtractionOptions/selection`` that match nothing.
  /// - Throws: ``SquashError`` on the first thing that the directory refuses or that cannot be read.
  @discardableResult
  public func extract(
    to path: String, _ options: ExtractionOptions = ExtractionOptions()
  ) throws(SquashError) -> ExtractionReport {
    let path = FilePath(path)
    let directory: OwnedDescriptor
    do throws(SystemError) {
      if path.withPlatformString({ mkdir($0, 0o777) }) != 0, errno != EEXIST {
        throw SystemError(errno: Errno(rawValue: errno), operation: "create", path: path)
      }
      directory = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
    } catch {
      throw SquashError(error)
    }
    return try extract(into: directory, options)
  }

  /// Extracts into a directory. Nothing is ever written outside of it, whatever the image says and whatever
  /// others do to the directory meanwhile.
  ///
  /// Directories are accessible to their owner only until their content is complete; a second pass over the
  /// directories then sets their attributes. Memory does not depend on the size of the image.
  ///
  /// - Parameter directory: the destination; its own attributes become the root directory's.
  /// - Returns: the report, with the faults of the image that were refused.
  /// - Throws: the first error of the destination, or of reading the image.
  public func extract(
    into directory: consuming OwnedDescriptor, _ options: ExtractionOptions = ExtractionOptions()
  ) throws(SquashError) -> ExtractionReport {
    guard (1...256).contains(options.threads) else {
      throw SquashError(.invalidArgument, "\(options.threads) threads; 1 to 256 are possible")
    }
    var options = options
    // Even a low limit on open files leaves enough for each thread.
    let room =
      OwnedDescriptor.limit - DirectoryStack.mostOpen - Extractor.fewDirectories - Extractor.otherFiles
    options.threads = min(options.threads, max(1, room / Extractor.filesOfThread))
    let state = ExtractionState(options)
    let writer = try LeafWriter(self, state)
    let pool = try WorkerPool(threads: options.threads, submitter: writer) { () throws(SquashError) in
      try LeafWriter(self, state)
    }
    defer { pool.close() }
    let extractor = try Extractor(self, DirectoryHandle(directory), state, pool, writer, options)
    return try extractor.run()
  }
}

/// Walks the image in the calling thread and hands files to the pool.
final class Extractor {
  /// Files with more bytes of blocks than this are written by several threads.
  private static let partBytes = 2 << 20
  private static let batchTasks = 64
  private static let progressInterval = 256
  /// Directories that still wait for files, besides those of a stack, if this process may have only few files
  /// open.
  fileprivate static let fewDirectories = 8
  /// Other open files: the image, the standard streams, and those from before.
  fileprivate static let otherFiles = 16
  /// The most open files per thread: what it writes, and what waits for it.
  fileprivate static let filesOfThread = 8

  private let image: SquashImage
  private let root: DirectoryHandle
  private let state: ExtractionState
  private let pool: WorkerPool<LeafWriter>
  private let options: ExtractionOptions
  private let reader: SquashReader
  private let writer: LeafWriter
  private let mostDirectories: Int
  private var report = ExtractionReport()
  private var batch: [LeafTask] = []
  private var batchBytes: Int64 = 0
  private var batchFragment: UInt32?
  private var links: [UInt32: HardLinkRecord] = [:]

  init(
    _ image: SquashImage, _ root: DirectoryHandle, _ state: ExtractionState, _ pool: WorkerPool<LeafWriter>,
    _ writer: LeafWriter, _ options: ExtractionOptions
  ) throws(SquashError) {
    self.image = image
    self.root = root
    self.state = state
    self.pool = pool
    self.options = options
    reader = try SquashReader(image)
    self.writer = writer
    let others = Self.otherFiles + Self.filesOfThread * options.threads + DirectoryStack.mostOpen
    mostDirectories = max(Self.fewDirectories, OwnedDescriptor.limit - others)
  }

  func run() throws(SquashError) -> ExtractionReport {
    try writeFiles()
    try flush()
    try pool.drain()
    try finishDirectories()
    report.kept = state.kept.load(ordering: .relaxed)
    state.addFaults(to: &report)
    options.onProgress?(report)
    return report
  }

  private func writeFiles() throws(SquashError) {
    var walker = try TreeWalker(reader)
    var stack = DirectoryStack(root, accepts: options.existing, makes: true)
    var depth = 0
    var matched = options.selection.nothingMatched
    while let event = try walker.next() {
      switch event {
      case .fault(let fault): report.note(fault)
      case .name: break
      case .endOfDirectory:
        depth -= 1
        if depth > 0 { stack.pop() }
      case .entry(let entry):
        let verdict = options.selection.verdict(entry.path, &matched)
        if entry.inode.type == .directory {
          if depth > 0 { stack.push(entry.name) }
          depth += 1
          if verdict == .none { walker.skipDescendants() }
        }
        guard verdict == .chosen else { continue }
        report.entries += 1
        if report.entries % Self.progressInterval == 0 { options.onProgress?(report) }
        if root.openCount > mostDirectories {
          try flush()
          try pool.drain()
        }
        do throws(SquashError) {
          let directory = try LeafWriter.system { () throws(SystemError) in try stack.current() }
          if !state.isPrivileged { try recordUnsettable(entry) }
          if entry.inode.type != .directory { try dispatch(entry, directory) }
        } catch {
          report.note(try error.damage(at: entry.path))
        }
      }
    }
    report.unmatched = options.selection.unmatched(matched)
  }

  /// Gives a file to the threads: small files in batches that share a fragment block, big files in parts.
  private func dispatch(_ entry: Entry, _ directory: DirectoryHandle) throws(SquashError) {
    var task = LeafTask(
      directory: directory, name: entry.name, path: entry.path, inode: entry.inode, blocks: nil, record: nil)
    if entry.inode.linkCount > 1 {
      if let record = links[entry.inode.number] {
        return try link(entry, to: record, in: directory)
      }
      let record = HardLinkRecord(path: entry.path, linkCount: entry.inode.linkCount)
      links[entry.inode.number] = record
      task.record = record
    }
    report.bytes += entry.inode.layout?.size ?? 0
    guard let layout = entry.inode.layout else { return try add(task, fragment: nil) }
    let blockSize = image.superblock.blockSize
    let partBlocks = max(Self.partBytes / blockSize, 1)
    var list = BlockListCursor(layout)
    guard layout.blockCount > partBlocks else {
      task.blocks = try list.next(reader, count: partBlocks)
      return try add(task, fragment: layout.fragment)
    }
    try flush()
    guard let file = try writer.create(task) else { return }
    while true {
      let run: BlockRun?
      do throws(SquashError) { run = try list.next(reader, count: partBlocks) } catch {
        try file.note(error)
        break
      }
      guard let run else { break }
      file.parts.add(1, ordering: .relaxed)
      try pool.submit(.part(file, run))
    }
    try writer.finish(file)
  }

  private func add(_ task: LeafTask, fragment: UInt32?) throws(SquashError) {
    if let fragment {
      // Each fragment block goes to one thread, so that it is decompressed once.
      if let batchFragment, batchFragment != fragment { try flush() }
      batchFragment = fragment
    }
    batch.append(task)
    batchBytes += task.inode.layout?.size ?? 0
    if batch.count >= Self.batchTasks || batchBytes >= Int64(Self.partBytes) { try flush() }
  }

  private func flush() throws(SquashError) {
    guard !batch.isEmpty else { return }
    let tasks = batch
    batch.removeAll(keepingCapacity: true)
    batchBytes = 0
    batchFragment = nil
    try pool.submit(.leaves(tasks))
  }

  /// Gives an extracted file another name.
  private func link(
    _ entry: Entry, to record: HardLinkRecord, in directory: DirectoryHandle
  ) throws(SquashError) {
    if record.place.withLock({ $0 == nil }) {
      try flush()
      try pool.drain()
    }
    if record.namesLeft.subtract(1, ordering: .relaxed).newValue == 0 { links[entry.inode.number] = nil }
    // A device that could not be made has no place; its other names go to the manifest too.
    guard let place = record.place.withLock({ $0 }) else {
      if entry.inode.type == .regular {
        state.note(SquashError(.corrupt, "another name of a file whose content is damaged", path: entry.path))
      }
      return
    }
    try LeafWriter.system { () throws(SystemError) in
      var components = record.path.split(separator: 0x2F).map(Array.init)
      guard let name = components.popLast() else { return }
      var stack = DirectoryStack(root, accepts: .refuse, makes: false)
      for component in components { stack.push(component) }
      let source = try stack.current()
      // The file with that name must still be the extracted one.
      let status = try source.descriptor.status(of: name)
      guard let status, status.st_dev == place.device, status.st_ino == place.inode else {
        throw SystemError(errno: .staleNFSFileHandle, operation: "link to a file that was replaced meanwhile")
      }
      if options.existing == .resume, let old = try directory.descriptor.status(of: entry.name) {
        if old.st_dev == place.device, old.st_ino == place.inode { return }
        try directory.descriptor.remove(entry.name)
      }
      try directory.descriptor.makeLink(entry.name, to: name, in: source.descriptor)
    }
  }

  /// Records what an unprivileged process does not even try to set, in the order of the image.
  private func recordUnsettable(_ entry: Entry) throws(SquashError) {
    guard options.onUnapplied != nil else { return }
    let inode = entry.inode
    let attributes = try reader.extendedAttributes(of: inode).filter { !$0.isSettableByOwner }
    let isDevice = inode.type == .blockDevice || inode.type == .characterDevice
    let hasSetID = inode.type != .symlink && inode.permissions & 0o6000 != 0
    guard
      inode.userID != geteuid() || inode.groupID != getegid() || isDevice || hasSetID || !attributes.isEmpty
    else { return }
    state.record(UnappliedAttributes(path: entry.path, inode: inode, attributes: attributes))
  }

  /// Sets the directories' attributes, each after everything in it was opened.
  private func finishDirectories() throws(SquashError) {
    let root = Entry(name: [], path: [], inode: try reader.root())
    var walker = TreeWalker(reader, from: root, reads: .directories)
    var stack = DirectoryStack(self.root, accepts: .refuse, makes: false)
    var open: [Entry?] = []
    var ready: [(Entry, DirectoryHandle)] = []
    while let event = try walker.next() {
      switch event {
      case .fault, .name: break  // The first pass has reported the faults.
      case .entry(let entry):
        if !open.isEmpty { stack.push(entry.name) }
        let verdict = options.selection.verdict(entry.path)
        open.append(verdict == .none ? nil : entry)
        if verdict == .none { walker.skipDescendants() }
        guard verdict == .above else { continue }
        // A directory that leads to no selected entry was never created.
        do throws(SystemError) { _ = try stack.current() } catch {
          guard error.errno == .noSuchFileOrDirectory else {
            throw SquashError.system(error, path: entry.path)
          }
          open[open.count - 1] = nil
          walker.skipDescendants()
          continue
        }
        // The first pass has recorded the selected entries, but not the directories above them.
        if !state.isPrivileged {
          do throws(SquashError) { try recordUnsettable(entry) } catch {
            report.note(try error.damage(at: entry.path))
          }
        }
      case .endOfDirectory:
        if case .some(.some(let entry)) = open.popLast() {
          do throws(SystemError) { ready.append((entry, try stack.current())) } catch {
            throw SquashError.system(error, path: entry.path)
          }
          let isCrowded = self.root.openCount > mostDirectories
          if isCrowded || ready.count >= Self.batchTasks {
            try pool.submit(.directories(ready))
            ready.removeAll(keepingCapacity: true)
          }
          if isCrowded { try pool.drain() }
        }
        if !open.isEmpty { stack.pop() }
      }
    }
    try pool.submit(.directories(ready))
    try pool.drain()
  }
}
