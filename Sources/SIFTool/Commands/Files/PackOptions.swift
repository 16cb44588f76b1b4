import ArgumentParser
import CommandKit
import SIF
import Squash
import SystemPackage

/// What goes into a packed image besides the root file system.
struct RuntimeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The definition file to store.", valueName: "file")) var deffile: PathArgument?
  @Option(help: ArgumentHelp("Labels to store: a JSON object of strings.", valueName: "file"))
  var labels: PathArgument?
  @Option(
    help: ArgumentHelp("A label; may be repeated, and wins over --labels.", valueName: "key=value"))
  var label: [String] = []
  @Option(help: ArgumentHelp("The script that `run` starts.", valueName: "file")) var runscript: PathArgument?
  @Option(
    help: ArgumentHelp("An environment variable in the container; may be repeated.", valueName: "name=value"))
  var env: [String] = []
  @Flag(help: "Add nothing to the root file system that was not asked for.") var plain = false
}

/// How the squashfs is made.
struct CompressionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("zstd, gzip, xz or lz4.", valueName: "name")) var compression = "zstd"
  @Option(help: ArgumentHelp("The compressor's level; otherwise its default.", valueName: "n")) var level:
    Int?
  @Option(help: ArgumentHelp("The size of a data block: a power of two from 4K to 1M.", valueName: "size"))
  var blockSize = SizeArgument(128 << 10)
  @OptionGroup var threads: ThreadOptions
  @Flag(help: "Give every file to user 0 and group 0.") var allRoot = false
  @Flag(help: "Leave extended attributes out.") var noXattrs = false

  /// The options of a writer; `time` is that of the file system, and no file is younger when it is fixed.
  func options(clock: EditClock, now: UInt32) throws -> WriterOptions {
    guard let compression = Compression(name: compression) else {
      throw ToolFailure.usage("--compression must be zstd, gzip, xz or lz4")
    }
    var options = WriterOptions()
    options.compression = compression
    options.level = level
    options.blockSize = Int(blockSize.bytes)
    options.threads = threads.count
    options.allRoot = allRoot
    options.keepsAttributes = !noXattrs
    options.creationTime = now
    if case .fixed(let time) = clock, time != .none { options.latestTime = UInt32(clamping: time.seconds) }
    return options
  }
}
