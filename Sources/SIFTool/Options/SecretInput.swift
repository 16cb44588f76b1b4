import ArgumentParser
import Gcrypt
import Glibc
import LinuxSystem
import Squash
import SystemPackage

/// Secrets that come from outside, straight into locked memory.
enum SecretInput {
  /// The longest passphrase, in bytes: it fits the memory that is locked.
  private static let passphraseLimit = 64 << 10

  /// The bytes of a file or a pipe.
  static func read(_ path: FilePath) throws(SecretFileError) -> SecureBytes { try SecretFile.read(path) }

  /// The passphrase in a file or a pipe, as it is.
  static func readPassphrase(_ path: FilePath) throws(SecretFileError) -> SecureBytes {
    try SecretFile.read(path, limit: passphraseLimit)
  }

  /// The passphrase that an open descriptor gives, as it is.
  static func readPassphrase(
    from descriptor: Int32, _ path: FilePath
  ) throws(SecretFileError) -> SecureBytes {
    try SecretFile.read(from: descriptor, path, limit: passphraseLimit)
  }

  /// The open descriptor of this process that a path stands for, as shells name pipes to other commands; nil for any
  /// other path.
  ///
  /// It may be named through links, as a thread's, or as the parent's, of which this process has a copy.
  static func descriptor(of path: FilePath) -> Int32? {
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

  /// Whether a directory has the open files of a process.
  private static func isOfProcess(_ directory: FilePath) -> Bool {
    directory.components.first == "proc" && directory.lastComponent == "fd"
  }

  private static func isOpen(_ number: Int32, as path: FilePath) -> Bool {
    var status = stat()
    return fstat(number, &status) == 0
      && FileIdentity(of: path)
        == FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Closes a descriptor that secrets come from. In place of a standard stream there is /dev/null then.
  static func closeDescriptor(_ number: Int32) {
    if number > STDERR_FILENO {
      close(number)
    } else if number >= 0, let null = try? OwnedDescriptor(opening: "/dev/null", flags: O_RDWR) {
      dup2(null.rawValue, number)
    }
  }

  /// The value of an environment variable; nil where it is not set.
  ///
  /// The variable is gone afterwards: neither child processes nor those who may look at this one's environment
  /// get to see it.
  static func environment(_ name: String) throws -> SecureBytes? {
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

  /// Removes variables with passphrases that are not going to be read.
  static func forgetPassphrases() {
    for name in passphraseVariables where getenv(name) != nil { _ = try? environment(name) }
  }

  /// Removes every variable that opens encrypted images, read or not: what is started next is not to have them.
  static func forgetVolumeKeys() {
    forgetPassphrases()
    for name in keyVariables where getenv(name) != nil { _ = try? environment(name) }
  }

  /// Where keys are, and keys themselves.
  private static let keyVariables = [
    "SINGULARITY_ENCRYPTION_PEM_PATH", "APPTAINER_ENCRYPTION_PEM_PATH", "SINGULARITY_ENCRYPTION_PEM_DATA",
    "APPTAINER_ENCRYPTION_PEM_DATA",
  ]

  private static let passphraseVariables = [
    "SIFTOOL_PASSPHRASE", "SINGULARITY_ENCRYPTION_PASSPHRASE", "APPTAINER_ENCRYPTION_PASSPHRASE",
  ]

  /// Whether there is a terminal to ask on.
  static var canPrompt: Bool { Console.isTerminal(STDIN_FILENO) && Console.isTerminal(STDERR_FILENO) }

  /// Asks for a passphrase on the terminal without showing it; nil where there is none.
  static func prompt(_ question: String) throws -> SecureBytes? {
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

/// Where a passphrase comes from, in the order of the contract.
struct PassphraseOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Read the passphrase from an open file descriptor.", valueName: "n"))
  var passphraseFd: Int32?

  @Option(
    help: ArgumentHelp("Read the passphrase from a file, less one final newline.", valueName: "file"))
  var passphraseFile: PathArgument?

  /// The same without the parser's.
  var source: PassphraseSource { PassphraseSource(descriptor: passphraseFd, file: passphraseFile) }

  /// Whether an option names where it comes from.
  var isGiven: Bool { source.isNamed }

  /// The passphrase: from a descriptor, a file, the environment, or a prompt; nil where there is none.
  func read(prompt question: String) throws -> SecureBytes? { try source.read(prompt: question) }

  /// The passphrase without asking for it. Descriptors and variables give it once.
  func readGiven() throws -> SecureBytes? { try source.readGiven() }
}

/// Where a passphrase comes from.
struct PassphraseSource {
  var descriptor: Int32?
  var file: PathArgument?
  /// The variables that may hold it, the first that is set counts.
  var variables = ["SIFTOOL_PASSPHRASE"]

  /// Whether an option names where it comes from.
  var isNamed: Bool { descriptor != nil || file != nil }

  /// The passphrase that options name, or nil.
  func readNamed() throws -> SecureBytes? {
    if let descriptor {
      return try Self.withoutNewline(
        try SecretInput.readPassphrase(from: descriptor, FilePath("file descriptor \(descriptor)")))
    }
    if let file { return try Self.withoutNewline(try SecretInput.readPassphrase(file.path)) }
    return nil
  }

  /// The passphrase in the environment, or nil.
  func readEnvironment() throws -> SecureBytes? {
    for name in variables {
      if let value = try SecretInput.environment(name) { return value }
    }
    return nil
  }

  /// The passphrase: from a descriptor, a file, the environment, or a prompt; nil where there is none.
  func read(prompt question: String) throws -> SecureBytes? {
    if let given = try readGiven() { return given }
    return try SecretInput.prompt(question)
  }

  /// The passphrase without asking for it. Descriptors and variables give it once.
  func readGiven() throws -> SecureBytes? {
    if let named = try readNamed() { return named }
    return try readEnvironment()
  }

  private static func withoutNewline(_ bytes: consuming SecureBytes) throws -> SecureBytes {
    let endsInNewline = bytes.count > 0 && bytes.span[bytes.count - 1] == 0x0A
    return try bytes.copy(0..<bytes.count - (endsInNewline ? 1 : 0))
  }
}
