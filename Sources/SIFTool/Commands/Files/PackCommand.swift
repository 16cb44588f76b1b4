import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageBuild
import LinuxSystem
import SIF
import Squash
import Synchronization
import SystemPackage

struct PackCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "pack", abstract: "Make a runnable image from a root file system.",
    discussion: """
      The root file system is a directory or a tar archive (plain, gzip or zstd; - is standard input). The image \
      gets its name when it is complete. With SOURCE_DATE_EPOCH or --deterministic, the same input gives the same \
      bytes, with any number of threads.

      siftool pack rootfs/ app.sif --all-root --runscript run.sh --label version=1.2
      """)

  @Argument(help: "The root file system: a directory or a tar archive.") var rootfs: PathArgument
  @Argument(help: "The new image.") var image: OutputArgument
  @OptionGroup(title: "Besides the root file system") var runtime: RuntimeOptions
  @Option(
    help: ArgumentHelp(
      "The architecture (default: that of the programs inside, or this machine's if there are none).",
      valueName: "arch"))
  var arch: String?
  @OptionGroup(title: "Squashfs") var compression: CompressionOptions
  @OptionGroup(title: "Encryption") var encryption: PackEncryptionOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var idleOptions: [IdleOptions] { encryption.idleOptions + compression.idleOptions }

  func execute(_ reporter: Reporter) throws {
    let clock = try write.clock()
    var options = try compression.options()
    let bar = reporter.bar(total: sourceSize())
    let shown = ProgressCounter()
    options.onProgress = { report in bar.advance(by: shown.step(to: report.contentBytes)) }
    let fixed = try arch.map { name in
      guard let found = Architecture(name: name) else {
        throw ToolFailure.usage("--arch \(ArgumentBytes.printable(name)) is not a known architecture")
      }
      return found
    }
    options.excluded = FileIdentity(of: image.path)
    var packer = Packer(try RuntimeParts(runtime), options, clock: clock)
    packer.isPlain = runtime.plain
    packer.architecture = fixed
    packer.onNote = { reporter.note($0) }
    packer.encryption = try encryption.read()
    let report = try packer.pack(
      rootfs.isStandardInput ? .archive(STDIN_FILENO) : .file(rootfs.path), to: image.path)
    bar.clear()
    for line in report.skipped { reporter.note("left out: \(line)") }
    if report.droppedAttributes > 0 {
      reporter.note(
        "\(report.droppedAttributes) extended attributes that squashfs cannot hold, such as access "
          + "control lists, were left out")
    }
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

extension RuntimeParts {
  /// The parts that options name, read and checked before anything is written.
  fileprivate init(_ options: RuntimeOptions) throws {
    self.init()
    definition = try options.deffile.map { try Self.read($0.path) }
    runscript = try options.runscript.map { try Self.read($0.path) }
    if let path = options.labels?.path {
      let text = try Self.read(path)
      do throws(ImageBuildError) { try setLabels(json: text) } catch {
        throw ToolFailure.usage("\(path.printable) is \(error)")
      }
    }
    var names: Set<String> = []
    for text in options.label {
      let (key, value) = try Self.split(text, "--label")
      guard names.insert(key).inserted else {
        throw ToolFailure.usage("--label \(key.printable) is given twice, and is one label")
      }
      guard let text = String(validating: value, as: UTF8.self) else {
        throw ToolFailure.usage("--label \(key.printable): the value is not UTF-8")
      }
      setLabel(key, text)
    }
    for text in options.env {
      let (name, value) = try Self.split(text, "--env")
      do throws(ImageBuildError) { try addVariable(name, value) } catch {
        throw ToolFailure.usage("--env: \(error)")
      }
    }
  }

  private static func split(_ text: String, _ option: String) throws -> (String, [UInt8]) {
    let bytes = Array(ArgumentBytes.decode(text).dropLast())
    guard let equals = bytes.firstIndex(of: 0x3D), equals > 0 else {
      throw ToolFailure.usage("\(option) needs a name, an equals sign and a value")
    }
    return (String(decoding: bytes[..<equals], as: UTF8.self), Array(bytes[(equals + 1)...]))
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
