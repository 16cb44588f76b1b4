import ArgumentParser
import CommandKit
import LinuxSystem
import Squash

struct CatCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "cat", abstract: "Write files from an image's squashfs to standard output.",
    discussion: "Symbolic links are followed, but never lead out of the image.")

  @OptionGroup var source: SquashOptions
  @Argument(help: "Paths inside the image, with or without a leading slash.") var paths: [InnerPathArgument]

  static var shortForm: ShortForm {
    ShortForm("cat") { words in
      guard let image = words.operand(PathArgument.self), let paths = words.operands(InnerPathArgument.self),
        !paths.isEmpty
      else { return nil }
      return { try show(try SquashOptions.open(image, nil), paths) }
    }
  }

  func execute() throws { try Self.show(try source.open(), paths) }

  static func show(_ image: SquashImage, _ paths: [InnerPathArgument]) throws {
    let reader = try SquashReader(image)
    let output = OutputBuffer()
    for path in paths {
      let entry = try reader.lookup(path.bytes, followLast: true)
      guard let layout = entry.inode.layout else {
        throw SquashError(.notRegularFile, "not a regular file", path: entry.path)
      }
      try copy(layout, reader, to: output)
    }
    try output.flush()
  }

  private static func copy(_ layout: FileLayout, _ reader: SquashReader, to output: OutputBuffer) throws {
    var end: Int64 = 0
    func fill(to offset: Int64) throws(SquashError) {
      while end < offset {
        let count = Int(min(offset - end, Int64(Zeros.bytes.count)))
        try output.write(UnsafeRawBufferPointer(rebasing: Zeros.bytes[..<count]))
        end += Int64(count)
      }
    }
    do throws(SquashError) {
      try reader.read(layout) { (offset, bytes) throws(SquashError) in
        try fill(to: offset)
        try output.write(bytes)
        end = offset + Int64(bytes.count)
      }
      try fill(to: layout.size)
    } catch {
      // The data before the damage is good.
      if error.code != .system { try output.flush() }
      throw output.failure(error)
    }
  }
}
