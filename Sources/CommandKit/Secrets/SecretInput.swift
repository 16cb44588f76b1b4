import Gcrypt
import Glibc
import LinuxSystem
import Squash
import SystemPackage

/// Secrets that come from outside, straight into locked memory.
package enum SecretInput {
  /// The longest passphrase, in bytes: it fits the memory that is locked.
  private static let passphraseLimit = 64 << 10

  /// The bytes of a file or a pipe.
  package static func read(_ path: FilePath) throws(SecretFileError) -> SecureBytes {
    try SecretFile.read(path)
  }

  /// The passphrase in a file or a pipe, as it is.
  package static func readPassphrase(_ path: FilePath) throws(SecretFileError) -> SecureBytes {
    try SecretFile.read(path, limit: passphraseLimit)
  }

  /// The passphrase that an open descriptor gives, as it is.
  package static func readPassphrase(
    from descriptor: Int32, _ path: FilePath
  ) throws(SecretFileError) -> SecureBytes {
    try SecretFile.read(from: descriptor, path, limit: passphraseLimit)
  }

  /// Refuses files of secrets that cannot be read, before work that takes long.
  package static func requireReadable(_ files: [PathArgument]) throws(SystemError) {
    for file in files {
      try SystemError.check("open", file.path) { file.path.withPlatformString { access($0, R_OK) } }
    }
  }

  /// The open descriptor of this process that a path stands for, as shells name pipes to other commands; nil for any
  /// other path.
  ///
  /// The path may lead there through links, or name a thread's descriptor, or the parent's, of which this process has a
  /// copy.
  package static func descriptor(of path: FilePath) -> Int32? {
    var path = path
    // As many links as the kernel follows.
    for _ in 0..<40 {
      let parent = path.removingLastComponent()
      guard let name = path.lastComponent,
        let directory = try? (parent.isEmpty ? "." : parent).resolvingLinks()
      else { return nil }
      path = directory.appending(name)
      if let number = Int32(name.string), isOfProcess(directory) {
        return isOpen(number, as: path) ? number : nil
      }
      guard let target = try? path.linkTarget() else { return nil }
      path = directory.pushing(target)
    }
    return nil
  }

  /// Whether a directory lists the open files of a process.
  private static func isOfProcess(_ directory: FilePath) -> Bool {
    directory.components.first == "proc" && directory.lastComponent == "fd"
  }

  private static func isOpen(_ number: Int32, as path: FilePath) -> Bool {
    var status = stat()
    return fstat(number, &status) == 0
      && FileIdentity(of: path)
        == FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Closes a descriptor that secrets come from. A standard stream becomes /dev/null.
  package static func closeDescriptor(_ number: Int32) {
    if number > STDERR_FILENO {
      close(number)
    } else if number >= 0, let null = try? OwnedDescriptor(opening: "/dev/null", flags: O_RDWR) {
      dup2(null.rawValue, number)
    }
  }

  /// The value of an environment variable; nil if it is not set.
  ///
  /// The variable is removed, so that neither child processes nor readers of this process's environment see it.
  package static func environment(_ name: String) throws -> SecureBytes? {
    guard let value = getenv(name) else { return nil }
    ProcessSecrecy.forbidDumps()
    let count = strlen(value)
    let bytes = try SecureBytes(
      copying: Span(
        _unsafeStart: UnsafeRawPointer(value).assumingMemoryBound(to: UInt8.self), count: count))
    explicit_bzero(value, count)
    unsetenv(name)
    return bytes
  }

  /// Removes variables with passphrases that will not be read.
  package static func forgetPassphrases() {
    for name in passphraseVariables where getenv(name) != nil { _ = try? environment(name) }
  }

  /// Removes every variable that opens encrypted images, read or not, so that no started program inherits them.
  package static func forgetVolumeKeys() {
    forgetPassphrases()
    for name in keyVariables where getenv(name) != nil { _ = try? environment(name) }
  }

  /// Variables with the paths of keys.
  package static let pathVariables = ["SINGULARITY_ENCRYPTION_PEM_PATH", "APPTAINER_ENCRYPTION_PEM_PATH"]

  /// Variables with the paths of keys, and with keys themselves.
  private static let keyVariables =
    pathVariables + ["SINGULARITY_ENCRYPTION_PEM_DATA", "APPTAINER_ENCRYPTION_PEM_DATA"]

  private static let passphraseVariables = [
    "SIFTOOL_PASSPHRASE", "SINGULARITY_ENCRYPTION_PASSPHRASE", "APPTAINER_ENCRYPTION_PASSPHRASE",
  ]

  /// Whether there is a terminal to ask on.
  package static var canPrompt: Bool { Console.isTerminal(STDIN_FILENO) && Console.isTerminal(STDERR_FILENO) }

  /// Asks for a passphrase on the terminal without showing it; nil if there is no terminal.
  package static func prompt(_ question: String) throws -> SecureBytes? {
    guard canPrompt else { return nil }
    ProcessSecrecy.forbidDumps()
    var old = termios()
    guard tcgetattr(STDIN_FILENO, &old) == 0 else { return nil }
    var silent = old
    silent.c_lflag &= ~tcflag_t(ECHO)
    Console.prompt(question)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer {
      tcsetattr(STDIN_FILENO, TCSAFLUSH, &old)
      Console.note("")
    }
    var line = try SecureBytes(count: 4096)
    return try readLine(&line)
  }

  private static func readLine(_ line: inout SecureBytes) throws -> SecureBytes {
    var used = 0
    while used < line.count {
      var byte: UInt8 = 0
      guard Glibc.read(STDIN_FILENO, &byte, 1) == 1, byte != 0x0A else { break }
      let place = used
      var span = line.mutableSpan
      span[place] = byte
      used += 1
    }
    return try line.copy(0..<used)
  }
}
