import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Explains why a program that exists is reported as missing: the kernel means the loader or interpreter that
/// the program needs.
struct MissingLoader {
  /// The error for the user.
  let error: RuntimeError

  /// The kernel looks at this many bytes of a script's first line.
  private static let lineBytes = 256
  /// The kernel follows this many interpreters of interpreters.
  private static let depth = 5

  /// Finds out what a program needs and lacks; nil if it lacks nothing, does not exist, or cannot be read.
  ///
  /// - Parameter program: a path with at least one slash. A bare name is not looked up.
  init?(of program: [UInt8]) {
    guard program.contains(0x2F) else { return nil }
    let name = FilePath(bytes: program).string
    var file = program
    for _ in 0..<Self.depth {
      guard let descriptor = Self.open(file),
        let start = Self.bytes(of: descriptor, at: 0, count: Self.lineBytes)
      else { return nil }
      guard start.starts(with: Array("#!".utf8)) else {
        // The kernel starts the loader that the program's file names.
        guard start.starts(with: [0x7F, 0x45, 0x4C, 0x46]), let program = ELFFile(descriptor),
          program.is64Bit, let loader = program.loader(in: descriptor),
          Self.isMissing(loader)
        else { return nil }
        error = RuntimeError(
          .notFound,
          "cannot run \(name): it needs the loader \(FilePath(bytes: loader).string), which is not in the container"
        )
        return
      }
      let blanks: [UInt8] = [0x20, 0x09]
      let line = start.dropFirst(2).prefix { $0 != 0x0A && $0 != 0 }.drop { blanks.contains($0) }
      let interpreter = Array(line.prefix { !blanks.contains($0) })
      guard !interpreter.isEmpty else { return nil }
      if Self.isMissing(interpreter) {
        let shown = FilePath(bytes: interpreter).string
        // The carriage return of a foreign line ending is part of the name here.
        let cause = interpreter.last == 0x0D ? " (its first line ends in a carriage return)" : ""
        error = RuntimeError(
          .notFound,
          "cannot run \(name): it is a script for \(shown), which is not in the container\(cause)")
        return
      }
      file = interpreter
    }
    return nil
  }

  /// Whether a path leads to a regular file that can be executed.
  static func canExecute(_ file: [UInt8]) -> Bool {
    ContainerFiles.allows(FilePath(bytes: file), X_OK) && ContainerFiles().holds(.isRegular, of: file)
  }

  /// Whether a program is a text whose first line names no interpreter. A zero byte in that line, as every executable
  /// format has it, says that it is none.
  static func isText(_ file: [UInt8]) -> Bool {
    guard let descriptor = open(file), let start = bytes(of: descriptor, at: 0, count: lineBytes) else {
      return false
    }
    return !start.isEmpty && !start.starts(with: Array("#!".utf8))
      && !start.starts(with: [0x7F, 0x45, 0x4C, 0x46]) && !start.prefix { $0 != 0x0A }.contains(0)
  }

  /// Opens a regular file that can be executed.
  private static func open(_ file: [UInt8]) -> OwnedDescriptor? {
    let path = FilePath(bytes: file)
    // Check the type before opening: opening a device may already have effects.
    guard let found = try? OwnedDescriptor.withoutMagicLinks(path, flags: linux_o_path),
      let status = try? found.status(), status.st_mode & S_IFMT == S_IFREG,
      path.withPlatformString({ access($0, X_OK) }) == 0
    else { return nil }
    return try? OwnedDescriptor.withoutMagicLinks(path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
  }

  private static func bytes(
    of descriptor: borrowing OwnedDescriptor, at offset: Int64, count: Int
  ) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: count)
    guard let length = try? bytes.withUnsafeMutableBytes({ try descriptor.read(into: $0, at: offset) }) else {
      return nil
    }
    return Array(bytes.prefix(length))
  }

  private static func isMissing(_ file: [UInt8]) -> Bool {
    FilePath(bytes: file).withPlatformString { access($0, F_OK) } != 0
      && (errno == ENOENT || errno == ENOTDIR)
  }
}
