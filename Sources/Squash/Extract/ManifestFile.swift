import Glibc
import LinuxSystem
import Synchronization
import SystemPackage

/// The manifest of what an extraction could not set: one JSON object per line. It gets its name when it is complete.
package final class ManifestFile: Sendable {
  private struct State: ~Copyable {
    var file: OutputFile?
    var pending: [UInt8] = []
    var count = 0
    /// Digests of the lines, by which those of an earlier manifest that are the same are left out.
    var lines: Set<Int> = []
    var failure: SystemError?
  }

  /// Why lines are lost.
  package struct Unwritten: Error {
    /// The failed system call.
    package let failure: SystemError
    /// How many lines there would be.
    package let count: Int
  }

  private static let pieceBytes = 1 << 16

  /// Where it is.
  package let path: FilePath
  private let isNamed: Bool
  private let old: OwnedDescriptor?
  private let state: Mutex<State>

  /// A manifest that is still empty.
  ///
  /// - Parameters:
  ///   - continues: whether to keep the lines of an existing manifest; if false, none may exist.
  ///   - isNamed: whether the user named the path: then it may be a FIFO or a device.
  /// - Throws: ``SystemError`` if something exists there that must not.
  package init(_ path: FilePath, continues: Bool, isNamed: Bool) throws(SystemError) {
    self.path = path
    self.isNamed = isNamed
    if isNamed, OutputFile.isStream(path) {
      old = nil
      // Also if nothing will be written: the reader of a FIFO waits for its end.
      let file = try OutputFile(writing: path, mode: 0o644)
      state = Mutex(State(file: file))
      return
    }
    var status = stat()
    guard path.withPlatformString({ lstat($0, &status) }) == 0 else {
      old = nil
      state = Mutex(State(file: try Self.file(path, isNamed: isNamed)))
      return
    }
    guard continues else { throw SystemError(errno: .fileExists, operation: "create", path: path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw SystemError(
        errno: .fileExists, operation: "replace", path: path, detail: "it is \(FileKind.name(status.st_mode))"
      )
    }
    old = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    state = Mutex(State(file: try Self.file(path, isNamed: isNamed)))
  }

  /// The file of a path that the user named. It is opened first: after the extraction it would be too late to say that the
  /// path cannot be written to.
  private static func file(_ path: FilePath, isNamed: Bool) throws(SystemError) -> OutputFile? {
    guard isNamed else { return nil }
    return try OutputFile(writing: path, mode: 0o644)
  }

  /// Adds a line, without its end.
  package func add(line: [UInt8]) {
    state.withLock { state in
      state.count += 1
      add(line[...], to: &state)
    }
  }

  private func add(_ line: ArraySlice<UInt8>, to state: inout State) {
    if old != nil { state.lines.insert(Self.digest(line)) }
    state.pending += line
    state.pending.append(0x0A)
    if state.pending.count > Self.pieceBytes { flush(&state) }
  }

  private static func digest(_ line: ArraySlice<UInt8>) -> Int {
    var hasher = Hasher()
    line.withUnsafeBytes { hasher.combine(bytes: $0) }
    return hasher.finalize()
  }

  /// Writes what is left, then those lines of the earlier manifest that are not among the new ones.
  ///
  /// - Returns: the number of new lines; if there are none, no file is written or changed.
  /// - Throws: ``Unwritten`` if the manifest cannot be written.
  package func finish() throws(Unwritten) -> Int {
    let (count, failure) = state.withLock { state in
      if state.count > 0 {
        flush(&state)
        do throws(SystemError) {
          try addOldLines(to: &state)
          flush(&state)
          if state.failure == nil, let file = state.file.take() { try file.commit() }
        } catch { state.failure = state.failure ?? error }
        state.file = nil
      }
      return (state.count, state.failure)
    }
    guard let failure else { return count }
    throw Unwritten(failure: failure, count: count)
  }

  private func addOldLines(to state: inout State) throws(SystemError) {
    var rest: [UInt8] = []
    while true {
      let piece = try old?.readToEnd(limit: Self.pieceBytes) ?? []
      rest += piece
      // The last line may lack its end.
      if piece.isEmpty, !rest.isEmpty { rest.append(0x0A) }
      var start = rest.startIndex
      while let end = rest[start...].firstIndex(of: 0x0A) {
        let line = rest[start..<end]
        if !state.lines.contains(Self.digest(line)) { add(line, to: &state) }
        start = end + 1
      }
      rest.removeSubrange(..<start)
      if piece.isEmpty { return }
    }
  }

  private func flush(_ state: inout State) {
    guard state.failure == nil, !state.pending.isEmpty else { return }
    do throws(SystemError) {
      if state.file == nil {
        state.file = try OutputFile(writing: path, mode: 0o644, allowsStreams: isNamed)
      }
      try state.file?.write(state.pending.span.bytes)
      state.pending.removeAll(keepingCapacity: true)
    } catch { state.failure = error }
  }
}
