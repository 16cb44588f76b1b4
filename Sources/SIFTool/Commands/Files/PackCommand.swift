import ArgumentParser
import Bytes
import CommandKit
import Glibc
import LinuxSystem
import SIF
import Squash
import StrictJSON
import Synchronization
import SystemPackage

struct PackCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "pack", abstract: "Make a runnable image from a root file system.",
    discussion: """
      The root file system is a directory or a tar archive (plain, gzip or zstd; - is standard input). The image \
      gets its name when it is complete. With SOURCE_DATE_EPOCH or --deterministic, the same input gives the same \
      bytes, with any number of threads.

      siftool pack rootfs/ app.sif --all-root --runscript run.sh --label version=1.2
      """)

  @Argument(help: "The root file system: a directory or a tar archive.") var rootfs: PathArgument
  @Argument(help: "The new image.") var image: PathArgument
  @OptionGroup(title: "Besides the root file system") var runtime: RuntimeOptions
  @Option(help: ArgumentHelp("The architecture (default: that of the programs inside).", valueName: "arch"))
  var arch: String?
  @OptionGroup(title: "Squashfs") var compression: CompressionOptions
  @OptionGroup(title: "Encryption") var encryption: PackEncryptionOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let clock = try write.clock()
    let now: UInt32 =
      switch clock {
      case .fixed(let time): time == .none ? 0 : UInt32(clamping: time.seconds)
      case .automatic: UInt32(clamping: time(nil))
      }
    var options = try compression.options(clock: clock, now: now)
    let bar = reporter.bar(total: sourceSize())
    let shown = ProgressCounter()
    options.onProgress = { report in bar.advance(by: shown.step(to: report.contentBytes)) }
    let fixed = try arch.map { name in
      guard let found = Architecture(name: name) else {
        throw ToolFailure.usage("--arch \(name.printable) is not a known architecture")
      }
      return found
    }
    guard image.path != "-" else {
      throw ToolFailure.usage("an image cannot be written to standard output: give the name of a file")
    }
    try FileIdentity.refuse(image.path, asOutputOf: rootfs.path)
    options.excluded = FileIdentity(of: image.path)
    let parts = try ImageParts(runtime)
    let encryption = try encryption.read()
    var creation = Image.Creation.deterministic
    creation.launchScript = Array("#!/usr/bin/env run-singularity\n".utf8)
    if case .fixed(let time) = clock {
      creation.time = time
    } else {
      creation.time = Timestamp(seconds: Int64(now))
      creation.id = .random()
    }
    var report = WriteReport()
    try NewImageFile.write(replacing: image.path, mode: 0o755) { storage in
      _ = try Image.create(creation, in: storage)
      var editor = try ImageEditor(
        editing: storage, clock: .fixed(creation.time), ordersWrites: false)
      if let definition = parts.definition {
        var source = BytesSource(definition)
        try editor.add(NewObject(.definitionFile), from: &source)
      }
      if let labels = parts.labels {
        var source = BytesSource(labels)
        try editor.add(NewObject(.labels), from: &source)
      }
      let guess = PartitionMetadata(
        fileSystem: encryption == nil ? .squashfs : .encryptedSquashfs, type: .primarySystem,
        architecture: fixed ?? .unknown)
      let added = try editor.add(NewObject(.partition, metadata: .partition(guess))) { object in
        let place =
          try encryption.map { try EncryptedPlace(object, $0.key, $0.options) as any PackPlace }
          ?? PlainPlace(object: object)
        report = try fill(place, options, parts, now: now)
        var partition = guess
        partition.architecture = try fixed ?? architecture(in: place.reader(report.imageBytes))
        return (place.objectByteCount(report.imageBytes), .partition(partition))
      }
      _ = try encryption?.key.addMessages(to: &editor, for: added)
    }
    bar.clear()
    for line in report.skipped { reporter.note("left out: \(line)") }
    if report.droppedAttributes > 0 {
      reporter.note(
        "\(report.droppedAttributes) extended attributes that squashfs cannot hold, such as access "
          + "control lists, were left out")
    }
  }

  private func fill(
    _ place: any PackPlace, _ options: WriterOptions, _ parts: ImageParts, now: UInt32
  ) throws -> WriteReport {
    let writer = try ImageWriter(place, options)
    if rootfs.path == "-" {
      try writer.add(archive: DescriptorSource(STDIN_FILENO))
    } else {
      let source = try OwnedDescriptor(opening: rootfs.path, flags: O_RDONLY | O_NOCTTY)
      if try source.status().st_mode & S_IFMT == S_IFDIR {
        try writer.add(contentsOf: source)
      } else {
        try writer.add(archive: DescriptorSource(source.rawValue))
        try source.close()
      }
    }
    let layout = RuntimeLayout(writer, time: now)
    if !runtime.plain { try layout.addSkeleton() }
    if let definition = parts.definition, !runtime.plain { try layout.add(definition: definition) }
    if let labels = parts.labels { try layout.add(labels: labels) }
    if let runscript = parts.runscript { try layout.add(runscript: runscript) }
    try layout.add(environment: parts.environment)
    return try writer.finish()
  }

  private func architecture(in reader: any RandomAccess) throws -> Architecture {
    guard let found = try ArchitectureFinder(try SquashReader(try SquashImage(reader))).find() else {
      throw ToolFailure(
        .failure, code: "unknown-architecture",
        "no program in the root file system tells the architecture: give --arch")
    }
    return found
  }

  /// The number of bytes that the progress bar stands for; 0 if it is not known in advance.
  private func sourceSize() -> Int64 {
    var status = stat()
    guard rootfs.path.withPlatformString({ stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG
    else {
      return 0
    }
    return Int64(status.st_size)
  }
}

/// The small parts of an image, read and checked before anything is written.
struct ImageParts {
  private static let longest = 16 << 20

  var definition: [UInt8]?
  var labels: [UInt8]?
  var runscript: [UInt8]?
  var environment: [(name: String, value: [UInt8])] = []

  init(_ options: RuntimeOptions) throws {
    definition = try options.deffile.map { try Self.read($0.path) }
    runscript = try options.runscript.map { try Self.read($0.path) }
    var members: [JSONMember] = []
    if let path = options.labels?.path {
      let isText = { (member: JSONMember) in if case .string = member.value { true } else { false } }
      guard let given = try? JSONParser.parse(try Self.read(path)).members, given.allSatisfy(isText) else {
        throw ToolFailure.usage("\(path.printable) is not a JSON object of labels, which are strings")
      }
      members = given
    }
    for text in options.label {
      let (key, value) = try Self.split(text, "--label")
      members.removeAll { $0.key == key }
      guard let text = String(validating: value, as: UTF8.self) else {
        throw ToolFailure.usage("--label \(key.printable): the value is not UTF-8")
      }
      members.append(JSONMember(key, .string(text)))
    }
    if !members.isEmpty || options.labels != nil {
      labels = JSONWriter.pretty(.object(members)) + [0x0A]
    }
    for text in options.env {
      let (name, value) = try Self.split(text, "--env")
      let isName = name.utf8.enumerated().allSatisfy { index, byte in
        byte == 0x5F || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || index > 0 && (0x30...0x39).contains(byte)
      }
      guard isName else {
        throw ToolFailure.usage("--env: \(name.printable) is not the name of a variable")
      }
      environment.append((name, value))
    }
  }

  private static func split(_ text: String, _ option: String) throws -> (String, [UInt8]) {
    let bytes = Array(ArgumentBytes.decode(text).dropLast())
    guard let equals = bytes.firstIndex(of: 0x3D), equals > 0 else {
      throw ToolFailure.usage("\(option) needs a name, an equals sign and a value")
    }
    return (String(decoding: bytes[..<equals], as: UTF8.self), Array(bytes[(equals + 1)...]))
  }

  private static func read(_ path: FilePath) throws -> [UInt8] {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY)
    let count = try file.byteCount()
    guard count <= longest else {
      throw ToolFailure(.failure, code: "limit-exceeded", "\(path.string) is longer than 16 MiB")
    }
    var bytes = [UInt8](repeating: 0, count: Int(count))
    let done = try bytes.withUnsafeMutableBytes { (buffer) throws(SystemError) in
      try file.read(into: buffer, at: 0)
    }
    return Array(bytes[..<done])
  }
}

/// A descriptor that is read from its current position.
struct DescriptorSource: Squash.ByteSource {
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

/// The bytes that the progress bar shows as done.
final class ProgressCounter: Sendable {
  private let done = Mutex<Int64>(0)

  /// Sets a new value, and returns its distance from the last one.
  func step(to value: Int64) -> Int64 {
    done.withLock { done in
      defer { done = value }
      return value - done
    }
  }
}
