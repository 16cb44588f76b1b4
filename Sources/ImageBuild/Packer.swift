import Bytes
import Glibc
import LinuxSystem
public import LUKS
public import OCI
public import Partitions
public import SIF
public import Squash
public import SystemPackage

/// Makes a runnable image from a root file system.
///
/// ```swift
/// try Packer().pack("rootfs", to: "app.sif")
/// ```
public struct Packer {
  /// Where the root file system is.
  public enum Source: Sendable {
    /// A directory, or a tar archive: plain, gzip or zstd.
    case file(FilePath)
    /// A tar archive that is read from an open descriptor.
    case archive(Int32)
    /// A tree that was built. Nothing is added to it.
    case tree(BuildTree)
    /// The layers of an image of OCI or Docker, which are read from where they are.
    case layers(OCIImage)
  }

  /// The parts besides the root file system.
  public var parts: RuntimeParts
  /// How the squashfs is made.
  public var options: WriterOptions
  /// The architecture; nil to find it out from the programs inside. If none tells it, the image gets
  /// that of this machine, and ``onNote`` is told.
  public var architecture: Architecture?
  /// Receives notes about things that were decided for the caller.
  public var onNote: @Sendable (String) -> Void = { _ in }
  /// The key and the way to encrypt the root file system; nil to leave it in the clear.
  public var encryption: (key: NewVolumeKey, options: FormatOptions)?
  /// Whether to add nothing to the root file system that was not asked for.
  public var isPlain = false
  /// Called when everything is in the image, before it gets its name: to sign it, for example.
  public var onComplete: (inout ImageEditor) throws -> Void = { _ in }
  private let clock: EditClock
  private let now: UInt32

  /// A packer.
  ///
  /// - Parameters:
  ///   - parts: the parts besides the root file system.
  ///   - options: how the squashfs is made.
  ///   - clock: fixed for an image with the same bytes each time; its id is then zero. It also sets the times of the
  ///     squashfs.
  public init(
    _ parts: RuntimeParts = RuntimeParts(), _ options: WriterOptions = WriterOptions(),
    clock: EditClock = .automatic
  ) {
    self.parts = parts
    self.options = options
    self.clock = clock
    switch clock {
    case .automatic: now = UInt32(clamping: Timestamp.now.seconds)
    case .fixed(.none): now = 0
    case .fixed(let time):
      now = UInt32(clamping: time.seconds)
      self.options.latestTime = now
    }
    self.options.creationTime = now
  }

  /// Makes the image, which gets its name when it is complete.
  ///
  /// - Returns: what was packed and what was left out.
  /// - Throws: ``SquashError``, ``SIFError`` or ``SystemError``; ``ImageBuildError/Code/unknownArchitecture`` where no
  ///   program says which architecture it is for, and this machine is of none that SIF knows.
  @discardableResult
  public func pack(_ source: Source, to path: FilePath) throws -> WriteReport {
    var creation = Image.Creation.deterministic
    creation.launchScript = Array("#!/usr/bin/env run-singularity\n".utf8)
    if case .fixed(let time) = clock {
      creation.time = time
    } else {
      creation.time = Timestamp(seconds: Int64(now))
      creation.id = .random()
    }
    var report = WriteReport()
    try NewImageFile.write(replacing: path, mode: 0o755) { storage in
      _ = try Image.create(creation, in: storage)
      var editor = try ImageEditor(editing: storage, clock: .fixed(creation.time), ordersWrites: false)
      if let definition = parts.definition {
        var source = BytesSource(definition)
        try editor.add(NewObject(.definitionFile), from: &source)
      }
      for document in parts.objects {
        try editor.add(NewObject(.genericJSON, name: document.name), bytes: document.bytes)
      }
      report = try addPartition(source, to: &editor)
      try onComplete(&editor)
    }
    return report
  }

  /// Makes the image, which gets its name when it is complete, from a directory or a tar archive.
  @discardableResult
  public func pack(_ path: String, to image: String) throws -> WriteReport {
    try pack(.file(FilePath(path)), to: FilePath(image))
  }

  /// Makes the squashfs in its object, and adds the messages with its key.
  private func addPartition(_ source: Source, to editor: inout ImageEditor) throws -> WriteReport {
    var report = WriteReport()
    let guess = PartitionMetadata(
      fileSystem: encryption == nil ? .squashfs : .encryptedSquashfs, type: .primarySystem,
      architecture: architecture ?? .unknown)
    let added = try editor.add(NewObject(.partition, metadata: .partition(guess))) { object in
      let place =
        try encryption.map { try EncryptedPlace(object, $0.key, $0.options) as any PackPlace }
        ?? PlainPlace(object: object)
      report = try fill(place, from: source)
      var partition = guess
      partition.architecture = try architecture ?? foundArchitecture(in: place.reader(report.imageBytes))
      return (place.objectByteCount(report.imageBytes), .partition(partition))
    }
    _ = try encryption?.key.addMessages(to: &editor, for: added)
    return report
  }

  private func fill(_ place: any PackPlace, from source: Source) throws -> WriteReport {
    var options = options
    if case .tree(let tree) = source { options.treeAttributes = tree.attributes }
    let writer = try SquashWriter(place, options)
    switch source {
    case .tree(let tree):
      try writer.add(contentsOf: try OwnedDescriptor(opening: tree.path, flags: O_RDONLY | O_DIRECTORY))
      return try writer.finish()
    case .archive(let number): try writer.add(archive: DescriptorSource(number))
    case .layers(let image): try writer.add(layersOf: image)
    case .file(let path):
      let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY)
      if try file.status().st_mode & S_IFMT == S_IFDIR {
        try writer.add(contentsOf: file)
      } else {
        try writer.add(archive: DescriptorSource(file.rawValue))
        try file.close()
      }
    }
    let layout = RuntimeLayout(writer, time: now)
    if !isPlain { try layout.addSkeleton() }
    if let definition = parts.definition, !isPlain { try layout.add(definition: definition) }
    if let labels = parts.labels { try layout.add(labels: labels) }
    if let runscript = parts.runscript, try !Self.startsOwnScripts(source, writer) {
      try layout.add(runscript: runscript)
    }
    try layout.add(environment: parts.environment)
    for script in parts.scripts { try layout.add(script: script) }
    return try writer.finish()
  }

  /// Whether layers are those of an image that was a SIF before: its program is its own runscript.
  private static func startsOwnScripts(_ source: Source, _ writer: SquashWriter) throws -> Bool {
    guard case .layers(let image) = source, image.config.entrypoint == [ImageExport.entrypoint] else {
      return false
    }
    return try writer.has(Array(".singularity.d/runscript".utf8))
  }

  private func foundArchitecture(in reader: any RandomAccess) throws -> Architecture {
    if let found = try ArchitectureFinder(try SquashReader(try SquashImage(reader))).find() { return found }
    // Data and scripts run anywhere, but the image has to name one.
    guard let own = ArchitectureFinder.ofThisMachine else {
      throw ImageBuildError(
        .unknownArchitecture,
        "no program in the root file system tells the architecture, and SIF has no number for this machine's")
    }
    onNote("no program inside tells the architecture: the image is for that of this machine, \(own.name)")
    return own
  }
}

/// A descriptor that is read from its current position.
struct DescriptorSource: ArchiveSource {
  private let number: Int32

  init(_ number: Int32) { self.number = number }

  func read(into buffer: UnsafeMutableRawBufferPointer) throws(SquashError) -> Int {
    do {
      return try SystemError.check("read the archive") {
        Glibc.read(number, buffer.baseAddress, buffer.count)
      }
    } catch {
      throw SquashError(.system, error.description, errno: error.errno.rawValue)
    }
  }
}
