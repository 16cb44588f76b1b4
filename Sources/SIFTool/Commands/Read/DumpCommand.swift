import ArgumentParser
import Bytes
import CommandKit
import Glibc
import LinuxSystem
import SIF
import SystemPackage

struct DumpCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "dump", abstract: "Write the bytes of a data object to standard output.")

  @Argument(help: "The object's id.") var id: ObjectID
  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions

  static var shortForm: ShortForm {
    ShortForm("dump") { words in
      guard let id = words.operand(ObjectID.self), let image = words.operand(PathArgument.self) else {
        return nil
      }
      return { try dump(id, image) }
    }
  }

  func execute() throws { try Self.dump(id, image, remote) }

  static func dump(_ id: ObjectID, _ argument: PathArgument, _ remote: RemoteImageOptions? = nil) throws {
    let path = argument.path
    // The usual case goes the shortest way.
    let storage: any Storage =
      if argument.address == nil {
        try FileStorage(opening: path)
      } else {
        try remote?.storage(argument) ?? argument.readableStorage()
      }
    let image: Image
    do {
      image = try Image(reading: storage)
    } catch {
      throw error.naming(path)
    }
    let object = try image.object(id: id.value)
    // All that exists of a truncated object is written before the failure is reported.
    let start = max(min(object.offset, image.fileSize), 0)
    let count = max(min(object.size, image.fileSize - start), 0)
    if let file = storage as? FileStorage {
      try copy(file, path, start, count)
    } else {
      try copy(storage, start, count)
    }
    do {
      _ = try image.bytes(of: object)
    } catch {
      throw error.naming(path)
    }
  }
  private static func copy(
    _ file: FileStorage, _ path: FilePath, _ start: Int64, _ count: Int64
  ) throws {
    do throws(SystemError) {
      let copied = try file.withDescriptor { (descriptor) throws(SystemError) in
        try descriptor.copy(from: start, count: count, to: STDOUT_FILENO)
      }
      guard copied == count else {
        throw SystemError(errno: .ioError, operation: "read (the file became shorter)", path: path)
      }
    } catch {
      throw error.operation == "write" ? ToolFailure(writing: error) : ToolFailure(error)
    }
  }

  /// Copies a part of an image on a server.
  private static func copy(_ storage: any Storage, _ start: Int64, _ count: Int64) throws {
    var position = start
    var block = [UInt8](repeating: 0, count: 1 << 20)
    while position < start + count {
      let wanted = Int(min(Int64(block.count), start + count - position))
      let read = try block.withUnsafeMutableBytes { buffer throws(StorageFault) in
        try storage.read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[..<wanted]), at: position)
      }
      guard read > 0 else {
        throw StorageFault(.truncated, "the image ends after \(position) bytes")
      }
      try Console.write(raw: Array(block[..<read]))
      position += Int64(read)
    }
  }
}
