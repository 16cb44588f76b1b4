import ArgumentParser
import CommandKit
import Glibc
import LinuxSystem
import SIF

struct DumpCommand: ToolCommand {
  static let configuration = CommandConfiguration(
    subcommand: "dump", abstract: "Write the bytes of a data object to standard output.")

  @Argument(help: "The object's id.") var id: ObjectID
  @Argument(help: "The image.") var image: PathArgument

  static var shortForm: ShortForm {
    ShortForm("dump") { words in
      guard let id = words.operand(ObjectID.self), let image = words.operand(PathArgument.self) else {
        return nil
      }
      return { try dump(id, image) }
    }
  }

  func execute() throws { try Self.dump(id, image) }

  static func dump(_ id: ObjectID, _ path: PathArgument) throws {
    let path = path.path
    let storage = try FileStorage(opening: path)
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
    do throws(SystemError) {
      let copied = try storage.withDescriptor { (descriptor) throws(SystemError) in
        try descriptor.copy(from: start, count: count, to: STDOUT_FILENO)
      }
      guard copied == count else {
        throw SystemError(errno: .ioError, operation: "read (the file became shorter)", path: path)
      }
    } catch {
      throw error.operation == "write" ? ToolFailure(writing: error) : ToolFailure(error)
    }
    do {
      _ = try image.bytes(of: object)
    } catch {
      throw error.naming(path)
    }
  }
}
