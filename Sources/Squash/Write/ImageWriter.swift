import Bytes
import CSquashfs

/// Writes a squashfs. Content is written as it is added; ``finish()`` adds the tables.
///
/// The image depends only on what is added, on the order, and on the options except the number of threads.
/// The superblock is written last, so that an unfinished image is not taken for a file system.
public final class ImageWriter {
  /// The image is padded to whole pages, which loop devices show.
  private static let padding: Int64 = 4096

  let options: WriterOptions
  let pipeline: BlockPipeline
  let root: WriteNode
  var report = WriteReport()
  private let writer: any RandomWritable
  private let file: LibraryFile
  private let tables: MetadataTables
  private var sizes: Set<Int64> = []

  /// Begins an image at the writer's offset 0.
  public init(_ writer: any RandomWritable, _ options: WriterOptions) throws(SquashError) {
    try options.check()
    self.writer = writer
    self.options = options
    file = LibraryFile(writer, size: Int64(Superblock.byteCount))
    tables = try MetadataTables(file, options)
    try tables.writeCompressorOptions()
    pipeline = try BlockPipeline(writer, at: file.size, options)
    root = WriteNode(
      name: [], type: .directory, attributes: FileAttributes(permissions: 0o755), content: .directory)
  }

  deinit { pipeline.close() }

  /// Whether a file of this length was added before; notes the length.
  func noteSize(_ size: Int64) -> Bool { !sizes.insert(size).inserted }

  /// Reports progress.
  func step() {
    report.inodes += 1
    report.duplicates = pipeline.duplicates
    if report.inodes % 256 == 0 { options.onProgress?(report) }
  }

  /// Writes the tables and the superblock.
  ///
  /// - Returns: the report. The image is ``WriteReport/imageBytes`` long; further bytes that the writer holds
  ///   do not belong to it.
  public func finish() throws(SquashError) -> WriteReport {
    try pipeline.finish()
    pipeline.close()
    file.moveEnd(to: pipeline.position)
    for fragment in pipeline.fragments { try tables.addFragment(start: fragment.start, word: fragment.word) }
    tables.beginInodes()
    let encoder = TreeEncoder(tables, options)
    let (number, reference) = try encoder.write(root)
    let length = try tables.finish(rootNumber: number, rootReference: reference)
    let padded = (length + Self.padding - 1) / Self.padding * Self.padding
    if padded > length {
      let zeros = [UInt8](repeating: 0, count: Int(padded - length))
      try accessing(try writer.write(zeros.span.bytes, at: length))
    }
    report.inodes = Int(number)
    report.imageBytes = padded
    report.duplicates = pipeline.duplicates
    report.droppedAttributes += encoder.droppedAttributes
    options.onProgress?(report)
    return report
  }
}
