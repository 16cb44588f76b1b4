import Bytes
import CSquashfs

/// A file for libsquashfs, backed by a ``RandomWritable``; the library writes its tables through it.
///
/// The library asks for the size and appends there, so this keeps the size; it never reads back.
final class LibraryFile {
  /// The memory that the library's pointer leads to: the library's own structure has to come first.
  private struct Storage {
    var file: sqfs_file_t
    var state: Unmanaged<State>
  }

  private final class State {
    let writer: any RandomWritable
    var size: Int64
    var failure: SquashError?

    init(_ writer: any RandomWritable, size: Int64) {
      self.writer = writer
      self.size = size
    }
  }

  private let storage: UnsafeMutablePointer<Storage>
  private let state: State

  /// A file that ends at `size`.
  init(_ writer: any RandomWritable, size: Int64) {
    state = State(writer, size: size)
    storage = .allocate(capacity: 1)
    var file = sqfs_file_t()
    file.base.destroy = { _ in }
    file.read_at = { _, _, _, _ in SQFS_ERROR_UNSUPPORTED.rawValue }
    file.truncate = { _, _ in SQFS_ERROR_UNSUPPORTED.rawValue }
    file.get_size = { file in
      guard let file else { return 0 }
      return UInt64(LibraryFile.state(behind: file).size)
    }
    file.write_at = { file, offset, bytes, count in
      guard let file, let offset = Int64(exactly: offset) else { return SQFS_ERROR_ARG_INVALID.rawValue }
      let state = LibraryFile.state(behind: UnsafePointer(file))
      do throws(StorageFault) {
        try state.writer.write(UnsafeRawBufferPointer(start: bytes, count: count), at: offset)
      } catch {
        state.failure = SquashError(error)
        return SQFS_ERROR_IO.rawValue
      }
      state.size = max(state.size, offset + Int64(count))
      return 0
    }
    storage.initialize(to: Storage(file: file, state: Unmanaged.passUnretained(state)))
  }

  deinit {
    storage.deinitialize(count: 1)
    storage.deallocate()
  }

  private static func state(behind file: UnsafePointer<sqfs_file_t>) -> State {
    UnsafeRawPointer(file).assumingMemoryBound(to: Storage.self).pointee.state.takeUnretainedValue()
  }

  /// The argument for the library's functions. It lives as long as this object.
  var pointer: UnsafeMutablePointer<sqfs_file_t> {
    UnsafeMutableRawPointer(storage).assumingMemoryBound(to: sqfs_file_t.self)
  }

  /// Sets the place of the next table, after others have written in between.
  func moveEnd(to size: Int64) { state.size = size }

  /// The place of the next table.
  var size: Int64 { state.size }

  /// Turns a library status into an error; a failure of the writer beneath explains more, and comes first.
  func check(_ status: Int32, _ operation: @autoclosure () -> String) throws(SquashError) {
    guard status != 0 else { return }
    if let failure = state.failure { throw failure }
    throw SquashError(.library, "cannot \(operation())", status: status)
  }
}
