import Bytes
import ExecutionControl
import Glibc
import ImageTrust
import LinuxSystem
public import Partitions
public import SIF
public import SystemPackage

/// What a caller asks to run or to mount: an image, and what is laid over it (spec/runtime.md "What can be run").
public struct RootRequest {
  /// The image: a SIF image, a squashfs or ext3 file, or a directory.
  public var path: FilePath
  /// The id of the partition; nil for the primary one.
  public var object: UInt32?
  /// What is laid over the image, the lowest first.
  public var overlays: [OverlayRequest] = []
  /// Whether the image itself is to be written: a directory, an ext3 file, or the overlay partition of a SIF image.
  public var isWritable = false
  /// The binds, of which some may show files of images.
  public var binds: [Bind] = []
  /// Whether what is written stays in memory if nothing else takes it.
  public var writesElseToMemory = false
  /// Whether what is written stays in memory.
  public var writesToMemory = false
  /// Checks the signatures of an image, which have to cover these objects.
  public var verify: ((Image, [UInt32]) throws -> Void)?
  /// Receives notes about things that differ from what was requested, but are not errors.
  public var onNote: (String) -> Void = { _ in }

  /// Asks for an image, read-only.
  public init(_ path: FilePath) { self.path = path }

  /// Opens everything once, and has the policy of the machine and the signatures decide about it.
  ///
  /// - Throws: ``RuntimeError``, and the faults of the image: ``SIFError``, ``PartitionError``, ``SquashError``,
  ///   ``LUKSError``, ``ImageRefusal``.
  public func open(keys: some VolumeKeyProvider) throws -> ContainerRoot {
    guard !isWritable || overlays.isEmpty else {
      throw RuntimeError(
        .invalidArgument, "the image itself and an overlay cannot both be written: choose one of them")
    }
    var root = try openImage(keys)
    if writesToMemory { root.writes = .memory }
    for overlay in overlays { try add(overlay, to: &root) }
    if writesElseToMemory, case .none = root.writes { root.writes = .memory }
    try addBoundImages(to: &root)
    return root
  }

  /// Opens the partition of an image alone, for a mount.
  public func openVolume(keys: some VolumeKeyProvider) throws -> ImageVolume {
    let storage = try FileStorage(opening: path)
    if let whole = try Partition(squashfs: storage) { return try volume(of: whole, storage) }
    let (partition, overlays) = try partition(of: storage)
    try partition.requireSquashfs()
    for overlay in overlays {
      onNote(
        "object \(overlay.id) of \(path.string) is an overlay partition: it is not mounted, and its files are missing"
      )
    }
    return try ImageVolume(try partition.unlock(with: keys))
  }

  // MARK: The image

  private func openImage(_ keys: some VolumeKeyProvider) throws -> ContainerRoot {
    if try Self.isDirectory(path) { return try openDirectory() }
    let storage = try FileStorage(opening: path)
    if let whole = try Partition(squashfs: storage) {
      let volume = try volume(of: whole, storage)
      guard !isWritable else { throw cannotWrite("a squashfs is read-only") }
      return ContainerRoot(.squashfs(volume))
    }
    if let ext = try Self.ext(storage) {
      try requireBare()
      try ExecutionCheck.require(storage, kind: .extfs)
      let start = try Partition.start(in: storage)
      var root = ContainerRoot(.ext(try volume(of: storage, ext, start, isWritable: isWritable)))
      if isWritable { root.writes = .base }
      return root
    }
    let (partition, overlays) = try partition(of: storage)
    // An overlay that can be written comes first.
    var root = try base(of: partition, keys, isWritable: isWritable && !overlays.contains(where: Self.isExt))
    var hasWritable = false
    if case .base = root.writes { hasWritable = true }
    guard let image = partition.image else { return root }
    for overlay in overlays {
      let writes = isWritable && !hasWritable && Self.isExt(overlay)
      let layer = try layer(of: image, overlay, isWritable: writes)
      if writes, case .ext(let volume) = layer {
        hasWritable = true
        root.writes = .ext(volume)
      } else {
        root.layers.append(layer)
      }
    }
    guard !isWritable || hasWritable else {
      throw cannotWrite("it has no overlay partition with ext3, which `overlay create` makes")
    }
    return root
  }

  /// The file system of a partition.
  ///
  /// - Parameter isWritable: whether it is to be written, if it can be.
  private func base(
    of partition: Partition, _ keys: some VolumeKeyProvider, isWritable: Bool
  ) throws -> ContainerRoot {
    do { try partition.requireSquashfs() } catch {
      guard let image = partition.image, let object = partition.object, Self.isExt(object) else {
        throw error
      }
      var root = ContainerRoot(try layer(of: image, object, isWritable: isWritable))
      if isWritable { root.writes = .base }
      return root
    }
    return ContainerRoot(.squashfs(try ImageVolume(try partition.unlock(with: keys))))
  }

  private func openDirectory() throws -> ContainerRoot {
    try requireBare()
    let directory = try SourceDirectory(opening: path)
    try directory.withDescriptor { (descriptor) throws(ImageRefusal) in
      try ExecutionCheck.require(directory: descriptor)
    }
    var root = ContainerRoot(.directory(directory))
    if isWritable { root.writes = .base }
    return root
  }

  /// Chooses the partition of a SIF image, after the policy and the signatures allow it and what is laid over it.
  private func partition(of storage: FileStorage) throws -> (Partition, [Descriptor]) {
    let image: Image
    do { image = try Image(reading: storage) } catch {
      if error.code == .notSIF { try Partition.refuseBare(storage) }
      throw error
    }
    let partition = try Partition(of: image, id: object)
    let overlays = partition.overlays
    if let chosen = partition.object {
      try ExecutionCheck.require(storage, (image, chosen), overlays: overlays)
      if let verify {
        try FileWriters.refuse(storage)
        try verify(image, [chosen.id] + overlays.map(\.id))
      }
    }
    return (partition, overlays)
  }

  private func volume(of whole: Partition, _ storage: FileStorage) throws -> ImageVolume {
    try requireBare()
    try ExecutionCheck.require(storage)
    return try ImageVolume(try whole.unlock())
  }

  /// Refuses what only a SIF image can have.
  private func requireBare() throws(RuntimeError) {
    guard object == nil, verify == nil else {
      throw RuntimeError(
        .invalidArgument, "\(path.string) is not a SIF image, so it has neither ids nor signatures")
    }
  }

  private func cannotWrite(_ reason: String) -> RuntimeError {
    RuntimeError(.invalidArgument, "\(path.string) cannot be written: \(reason)")
  }

  // MARK: Overlays

  private func add(_ overlay: OverlayRequest, to root: inout ContainerRoot) throws {
    try naming(overlay.path, "the overlay") { try addLayers(of: overlay, to: &root) }
  }

  /// Runs a body, and adds the file's name to failures that are about its contents.
  func naming(_ path: FilePath, _ what: String, _ body: () throws -> Void) throws {
    do { try body() } catch let error as SIFError {
      throw error.naming(path)
    } catch let error as any Fault where !(error is RuntimeError) && !(error is ImageRefusal) {
      throw RuntimeError(
        error.kind == .malformed ? .malformed : .unsupportedFileSystem,
        "\(what) \(path.string): \(error.description)")
    }
  }

  private func addLayers(of overlay: OverlayRequest, to root: inout ContainerRoot) throws {
    if try Self.isDirectory(overlay.path) {
      guard overlay.isReadOnly else {
        try Self.check(try SourceDirectory(opening: overlay.path))
        return try setWrites(.directory(overlay.path), of: overlay, in: &root)
      }
      let directory = try SourceDirectory(ofOverlay: overlay.path)
      try Self.check(directory)
      return root.layers.append(.directory(directory))
    }
    let storage = try FileStorage(opening: overlay.path)
    if let whole = try Partition(squashfs: storage) {
      try Self.check(storage, .squashfs)
      return root.layers.append(.squashfs(try ImageVolume(try whole.unlock())))
    }
    if let ext = try Self.ext(storage) {
      try Self.check(storage, .extfs)
      let start = try Partition.start(in: storage)
      let volume = try volume(of: storage, ext, start, isWritable: !overlay.isReadOnly, mayFail: true)
      return try add(volume, of: overlay, to: &root)
    }
    let image: Image
    do { image = try Image(reading: storage) } catch {
      guard error.code == .notSIF else { throw error }
      throw RuntimeError(
        .unsupportedFileSystem,
        "\(overlay.path.string) is not an overlay: neither a directory nor a squashfs, an ext3 file system or a SIF image"
      )
    }
    try Self.check(storage, .sif)
    let overlays = image.objects(ofType: .partition).filter(\.isOverlay)
    guard !overlays.isEmpty else {
      let partition = try Partition(of: image)
      try partition.requireSquashfs()
      return root.layers.append(.squashfs(try ImageVolume(try partition.unlock())))
    }
    for object in overlays {
      let isWritable = !overlay.isReadOnly && !root.writes.isLayer && Self.isExt(object)
      switch try layer(of: image, object, isWritable: isWritable, mayFail: true) {
      case .ext(let volume): try add(volume, of: overlay, to: &root)
      case let layer: root.layers.append(layer)
      }
    }
  }

  private func add(
    _ volume: ExtVolume, of overlay: OverlayRequest, to root: inout ContainerRoot
  ) throws(RuntimeError) {
    if volume.isWritable {
      try setWrites(.ext(volume), of: overlay, in: &root)
    } else {
      root.layers.append(.ext(volume))
    }
  }

  private func setWrites(
    _ writes: ContainerRoot.Writes, of overlay: OverlayRequest, in root: inout ContainerRoot
  ) throws(RuntimeError) {
    guard !root.writes.isLayer else {
      throw RuntimeError(
        .invalidArgument,
        "only one layer can be written: add :ro to \(overlay.path.string), or to the other overlay")
    }
    root.writes = writes
  }

  // MARK: Kinds

  static func isDirectory(_ path: FilePath) throws(RuntimeError) -> Bool {
    var status = stat()
    return try translating { () throws(SystemError) in
      try SystemError.check("examine", path) { path.withPlatformString { stat($0, &status) } }
      return status.st_mode & S_IFMT == S_IFDIR
    }
  }

  /// The length of an ext file system, of any version, that fills a file; nil for any other file.
  static func ext(_ storage: FileStorage) throws -> Int64? {
    let start = try Partition.start(in: storage)
    let magic = try storage.read(ContentMagic.ext.count, at: start + Int64(ContentMagic.extOffset))
    // A SIF image has its descriptors there.
    guard magic == ContentMagic.ext, try storage.read(Header.magic.count, at: 32) != Header.magic else {
      return nil
    }
    return try storage.byteCount - start
  }

  private static func isExt(_ object: Descriptor) -> Bool {
    if case .partition(let metadata) = object.metadata { metadata.fileSystem == .ext3 } else { false }
  }

  func layer(
    of image: Image, _ object: Descriptor, isWritable: Bool, mayFail: Bool = false
  ) throws -> ContainerRoot.Layer {
    guard Self.isExt(object) else {
      let partition = try Partition(of: image, id: object.id)
      try partition.requireSquashfs()
      return .squashfs(try ImageVolume(try partition.unlock()))
    }
    guard let storage = image.storage as? FileStorage else {
      throw RuntimeError(.invalidArgument, "an image that is not in a file cannot be mounted")
    }
    let bytes = try image.bytes(of: object)
    return .ext(
      try volume(of: storage, bytes.byteCount, bytes.offset, isWritable: isWritable, mayFail: mayFail))
  }

  /// Opens an ext3 file system of an open file.
  ///
  /// - Parameter mayFail: whether a file that cannot be written is used read-only, with a note.
  private func volume(
    of storage: FileStorage, _ byteCount: Int64, _ offset: Int64, isWritable: Bool, mayFail: Bool = false
  ) throws -> ExtVolume {
    guard isWritable else {
      return try ExtVolume(storage, offset: offset, byteCount: byteCount, isWritable: false)
    }
    let path = storage.path
    let writable: FileStorage
    do throws(SystemError) {
      // The same file, whatever its name leads to by now.
      let again = try storage.withDescriptor { (file) throws(SystemError) in
        try OwnedDescriptor(opening: file.pathOfDescriptor, flags: O_RDWR | O_NOCTTY)
      }
      writable = FileStorage(adopting: OwnedDescriptor(adopting: again.release(), path: path))
    } catch {
      guard mayFail, [.permissionDenied, .readOnlyFileSystem, .notPermitted].contains(error.errno) else {
        throw RuntimeError(
          .system, "\(path.string) cannot be written: \(error.errno.description)", system: error)
      }
      onNote("\(path.string) cannot be written (\(error.errno.description)): it is used read-only")
      return try ExtVolume(storage, offset: offset, byteCount: byteCount, isWritable: false)
    }
    return try ExtVolume(writable, offset: offset, byteCount: byteCount, isWritable: true)
  }

  static func check(_ storage: FileStorage, _ kind: ImageKind) throws(ImageRefusal) {
    try storage.withDescriptor { (file) throws(ImageRefusal) in
      try ExecutionCheck.require(layer: file, kind)
    }
  }

  private static func check(_ directory: SourceDirectory) throws(ImageRefusal) {
    try directory.withDescriptor { (descriptor) throws(ImageRefusal) in
      try ExecutionCheck.require(layer: descriptor, .directory)
    }
  }
}
