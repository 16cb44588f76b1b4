import ArgumentParser
import CommandKit
import SIF
import Squash
import SystemPackage

/// The parts of a packed image besides the root file system.
struct RuntimeOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The definition file to store.", valueName: "file")) var deffile: PathArgument?
  @Option(help: ArgumentHelp("Labels to store: a JSON object of strings.", valueName: "file"))
  var labels: PathArgument?
  @Option(
    help: ArgumentHelp("A label to store (repeatable). It wins over one in --labels.", valueName: "key=value")
  )
  var label: [String] = []
  @Option(help: ArgumentHelp("The script that `siftool run` starts.", valueName: "file")) var runscript:
    PathArgument?
  @Option(
    help: ArgumentHelp("An environment variable in the container (repeatable).", valueName: "name=value"))
  var env: [String] = []
  @Flag(help: "Do not add the files that container runtimes expect in the root file system.") var plain =
    false
}

/// The form of the squashfs.
struct CompressionOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The compression: zstd, gzip, xz or lz4.", valueName: "name")) var compression =
    "zstd"
  @Option(help: ArgumentHelp("The compression level (default: the compressor's own).", valueName: "n"))
  var level: Int?
  @Option(help: ArgumentHelp("The size of a data block: a power of two from 4K to 1M.", valueName: "size"))
  var blockSize = SizeArgument(128 << 10)
  @OptionGroup var threads: ThreadOptions
  @Flag(help: "Give every file to user 0 and group 0.") var allRoot = false
  @Flag(help: "Leave out extended attributes.") var noXattrs = false

  /// The options that the compression does not have.
  var idleOptions: [IdleOptions] {
    compression == "lz4" ? [IdleOptions("level", reason: "does not apply: lz4 has no levels")] : []
  }

  /// Whether nothing is asked for that changes the result.
  var isUsual: Bool {
    compression == "zstd" && level == nil && blockSize.bytes == 128 << 10 && !allRoot && !noXattrs
  }

  /// The options of a writer.
  func options() throws -> WriterOptions {
    guard let compression = Compression(name: compression) else {
      throw ToolFailure.usage("--compression must be zstd, gzip, xz or lz4")
    }
    var options = WriterOptions()
    options.compression = compression
    options.threads = threads.count
    options.blockSize = Int(blockSize.bytes)
    try ToolFailure.reading("--block-size") { try options.check() }
    options.level = level
    try ToolFailure.reading("--level") { try options.check() }
    options.allRoot = allRoot
    options.keepsAttributes = !noXattrs
    return options
  }
}
