import Partitions
import ArgumentParser
import Bytes
import Glibc
import SIF
import Squash
import SystemPackage

/// Which file system a command looks into.
struct SquashOptions: ParsableArguments {
  @Argument(help: "The image, or a plain squashfs file.") var image: PathArgument
  @Option(help: ArgumentHelp("The partition; otherwise the primary one.", valueName: "id")) var id: ObjectID?
  @OptionGroup var key: VolumeKeyOptions

  /// Opens the squashfs.
  func open(quiet: Bool = false) throws -> SquashImage {
    var source = key.source
    source.isQuiet = quiet
    return try Self.open(image, id, source)
  }

  /// Opens the squashfs of an image: that of a partition, or the primary one.
  static func open(
    _ image: PathArgument, _ id: ObjectID?, _ key: VolumeKeySource = VolumeKeySource()
  ) throws -> SquashImage {
    try image.requireFile()
    let partition = try image.partition(id, in: try FileStorage(opening: image.path))
    if !partition.isEncrypted { try image.named { try partition.requireSquashfs() } }
    let opened = try image.namingImage { try partition.unlock(with: key) }
    return try image.named { try opened.squashfs() }
  }
}

extension PathArgument {
  /// The partition that a command is about, in this file, which is open: by its id, the primary or the only one, or the
  /// whole file where it is a squashfs.
  func partition(_ id: ObjectID?, in storage: FileStorage) throws -> Partition {
    if let whole = try Partition(squashfs: storage) {
      guard id == nil else { throw ToolFailure.usage("--id makes no sense with a plain squashfs file") }
      return whole
    }
    let image: Image
    do { image = try Image(reading: storage) } catch {
      guard error.code == .notSIF else { throw error.naming(path) }
      do { try Partition.refuseBare(storage) } catch let fault as PartitionError {
        throw ToolFailure(.failure, code: fault.identifier, "\(path.printable) \(fault)")
      }
      throw error.naming(path)
    }
    return try named { try Partition(of: image, id: id?.value) }
  }

  /// Runs a body whose failures to read the image name this file. Others say enough by themselves.
  func namingImage<Result>(_ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as SIFError { throw error.naming(path) }
  }
}

extension ToolFailure {
  /// The faults of an image of which everything else was done.
  static func faults(_ faults: [SquashError], count: Int, _ progress: ProgressOptions?) -> ToolFailure? {
    guard let first = faults.first else { return nil }
    for fault in faults where progress?.quiet != true { Console.note("siftool: refused: \(fault)") }
    return ToolFailure(
      .malformed, code: first.code.rawValue,
      "\(count) \(count == 1 ? "entry was" : "entries were") refused; everything else was done")
  }
}

/// Paths inside a squashfs, as arguments.
struct InnerPath: ExpressibleByArgument {
  let bytes: [UInt8]

  init?(argument: String) { bytes = Array(ArgumentBytes.decode(argument).dropLast()) }
}

extension SquashImage {
  /// The selection of paths and patterns. A path is looked up first, so that one that is there is never taken
  /// for a pattern, and one that is not there is an error.
  func selection(_ paths: [InnerPath]) throws -> PathSelection {
    guard !paths.isEmpty else { return .all }
    let reader = try SquashReader(self)
    return PathSelection(
      patterns: try paths.map { path in
        do throws(SquashError) {
          return PathSelection.literal(try reader.lookup(path.bytes).path)
        } catch {
          guard PathSelection.isPattern(path.bytes), error.code == .notFound || error.code == .notDirectory
          else { throw error }
          return path.bytes
        }
      })
  }
}

/// Output that is gathered and written in large pieces.
final class OutputBuffer: ByteSink {
  private let descriptor: Int32
  private let pending: Pending

  private final class Pending {
    var bytes: [UInt8] = []
  }

  init(_ descriptor: Int32 = STDOUT_FILENO) {
    self.descriptor = descriptor
    pending = Pending()
    pending.bytes.reserveCapacity(1 << 17)
  }

  /// Adds bytes as they are: contents, and documents of a form that has its own escapes.
  func append(raw bytes: some Collection<UInt8>) throws {
    pending.bytes.append(contentsOf: bytes)
    if pending.bytes.count >= 1 << 16 { try flush() }
  }

  /// Adds a line for people, with what a terminal would obey escaped as ``Console`` does.
  func append(line: String) throws { try append(raw: Console.bytes(ofLine: line)) }

  /// Adds a line of nothing but visible characters of ASCII.
  func append(plainLine line: ArraySlice<UInt8>) throws {
    pending.bytes.append(contentsOf: line)
    pending.bytes.append(0x0A)
    if pending.bytes.count >= 1 << 16 { try flush() }
  }

  func write(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    let isLarge = bytes.count > 1 << 16
    // What came before goes before it.
    if isLarge || pending.bytes.count + bytes.count > 1 << 17 { try flushBytes() }
    if isLarge { try put(bytes) } else { pending.bytes.append(contentsOf: bytes) }
  }

  func flush() throws { do { try flushBytes() } catch { throw Self.failure(error) } }

  /// What a failed write is to the user. A reader that has gone away needs no message.
  static func failure(_ error: SquashError) -> ToolFailure {
    ToolFailure(.system, code: "system", error.errno == EPIPE ? "" : error.description)
  }

  private func flushBytes() throws(SquashError) {
    var failure: SquashError?
    pending.bytes.withUnsafeBytes { bytes in
      do throws(SquashError) { try put(bytes) } catch { failure = error }
    }
    pending.bytes.removeAll(keepingCapacity: true)
    if let failure { throw failure }
  }

  private func put(_ bytes: UnsafeRawBufferPointer) throws(SquashError) {
    var done = 0
    while done < bytes.count, let base = bytes.baseAddress {
      let count = Glibc.write(descriptor, base + done, bytes.count - done)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else {
        let reason = Errno(rawValue: errno)
        throw SquashError(.system, "cannot write the output: \(reason.description)", errno: reason.rawValue)
      }
      done += count
    }
  }
}
