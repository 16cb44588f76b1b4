import CommandKit
import ImageTrust
import LUKS
import SIF
import StrictJSON
import SystemPackage

/// A new image in which one partition has other bytes: what `encrypt` and `decrypt` have in common.
struct PartitionRewrite {
  let image: Image
  let partition: Descriptor
  /// The partition's new file system.
  let fileSystem: FileSystemType
  /// The cryptographic messages that are left out.
  let messages: [Descriptor]
  /// The signatures that will no longer hold.
  let signatures: [Descriptor]

  /// Plans it.
  init(
    of image: Image, _ partition: Descriptor, to fileSystem: FileSystemType, dropping messages: [Descriptor]
  ) throws {
    self.image = image
    self.partition = partition
    self.fileSystem = fileSystem
    self.messages = messages
    signatures = try image.signatures(brokenBy: [partition] + messages)
  }

  /// Writes the new image and gives it its name.
  ///
  /// - Parameters:
  ///   - path: the new image.
  ///   - source: the old one, whose permission bits a new file gets: it is open to nobody else.
  ///   - body: writes the partition's bytes; answers how many there are.
  ///   - more: what else is to be done to the new image.
  func write(
    to path: FilePath, like source: FilePath, clock: EditClock, _ reporter: Reporter,
    _ body: (ObjectWriter) throws -> Int64, then more: (inout ImageEditor, Descriptor) throws -> Void
  ) throws {
    guard case .partition(var metadata) = partition.metadata else { return }
    metadata.fileSystem = fileSystem
    let dropped = Set((messages + signatures).map(\.id))
    try NewImageFile.write(replacing: path, mode: NewImageFile.mode(like: source)) { storage in
      let watched = ProgressStorage(storage, expected: image.fileSize, shown: reporter.showsProgress)
      try ImageRewriter(image, clock: clock).replace(
        id: partition.id, metadata: .partition(metadata), dropping: dropped, into: watched, writing: body)
      var editor = try ImageEditor(editing: storage, clock: clock, ordersWrites: false)
      try more(&editor, try editor.image.object(id: partition.id))
    }
    for signature in signatures {
      reporter.note(
        "dropped: signature \(signature.id), which does not hold for partition \(partition.id) as it "
          + "is now")
    }
  }

  /// The ids of objects, as a member of a document.
  static func ids(_ objects: [Descriptor]) -> JSONValue { .array(objects.map { .integer(Int64($0.id)) }) }
}
