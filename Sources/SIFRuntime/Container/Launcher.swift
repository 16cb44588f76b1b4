import Bytes
import CLauncher
import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// The file of the launcher, a small program that this process becomes before it becomes the container's
/// (spec/runtime.md "The launcher").
final class LauncherFile {
  private var content: OwnedDescriptor?
  private let program: OwnedDescriptor

  /// Makes the file, empty.
  ///
  /// - Parameter path: in a file system in memory that nobody else sees.
  init(at path: FilePath) throws(SystemError) {
    let file = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL, mode: 0o500)
    // Undo the effect of the umask.
    try file.setPermissions(0o500)
    program = try OwnedDescriptor.naming(path)
    content = consume file
  }

  /// Makes a file in memory that is filled already, for a program that ends before the container's first one begins.
  init(inMemory image: LauncherImage) throws(SystemError) {
    let file = try OwnedDescriptor.memory(named: "launcher")
    try SystemError.writeAll(image.bytes.span.bytes, to: file.rawValue)
    program = consume file
    content = nil
  }

  /// Makes the file, empty, in memory without a name.
  ///
  /// - Parameter mode: who may execute it.
  init(mode: mode_t = 0o500) throws(SystemError) {
    let number = try SystemError.check("make a file in memory") { linux_memory_file("launcher") }
    let file = OwnedDescriptor(adopting: number, path: "launcher")
    try file.setPermissions(mode)
    program = try OwnedDescriptor.naming(file.pathOfDescriptor)
    content = consume file
  }

  /// Makes a user its owner, who alone can execute it.
  func give(to user: uid_t) throws(SystemError) {
    if let number = content?.rawValue {
      try SystemError.check("give the launcher away") { fchown(number, user, gid_t.max) }
    }
  }

  /// Fills the file, once, and closes it: a file that is open for writing cannot be executed.
  func write(_ image: LauncherImage) throws(SystemError) {
    guard let file = content.take() else { return }
    try SystemError.writeAll(image.bytes.span.bytes, to: file.rawValue)
    try file.close()
  }

  /// Becomes the launcher. Returns only if that fails.
  func execute() -> SystemError {
    _ = linux_execute_launcher(program.rawValue)
    return SystemError(errno: Errno(rawValue: linux_errno()), operation: "start the launcher")
  }
}

/// The steps of the launcher, and its messages for failures.
struct LauncherPlan {
  /// Filters of system calls, in the order in which they are installed.
  var filters: [SystemCallFilter]
  /// What confines the program besides.
  var label: SecurityLabel?
  /// The paths to try in turn. The first one that exists and can be executed is the program.
  var candidates: [[UInt8]]
  /// All arguments, the program's name first.
  var arguments: [[UInt8]]
  /// Variables, as `NAME=value`.
  var environment: [[UInt8]]
  /// Returns the text for standard error and the exit status for a failure.
  var report: (RuntimeError) -> (message: [UInt8], status: UInt8)
  /// The failure for an error number of execve(2): 0 if there was no path to try, nil for a number that the
  /// call is not expected to return.
  var failure: (Errno?) -> RuntimeError
}

/// The launcher as an ELF file: its code, followed by its plan.
struct LauncherImage {
  /// The file's address in memory: every program may use it, also with pages of 64 KiB.
  private static let address: UInt64 = 0x40_0000
  private static let headerBytes = MemoryLayout<Elf64_Ehdr>.size + 2 * MemoryLayout<Elf64_Phdr>.size
  /// The length of the plan, in 64-bit words.
  private static let planLength = 15
  private static let ignored: UInt64 = 1
  /// The number of Linux's error numbers, and one entry for all others.
  private static let messageCount: Int32 = 135
  /// The errors that execve(2) may return, on file systems of all kinds. A message for every error number
  /// would take longer than everything else here.
  private static let expected: Set<Int32> = [
    0, EPERM, ENOENT, EIO, E2BIG, ENOEXEC, EAGAIN, ENOMEM, EACCES, EFAULT, EBUSY, ENODEV, ENOTDIR, EISDIR,
    EINVAL, ENFILE,
    EMFILE, ETXTBSY, EROFS, ENAMETOOLONG, ENOSYS, ELOOP, EBADMSG, ELIBBAD, EOPNOTSUPP, ENOTCONN, ETIMEDOUT,
    ESTALE,
    EUCLEAN, EREMOTEIO, EKEYREJECTED,
  ]
  private static let expectedOfLabels: Set<Int32> = [ENOENT, EACCES, EPERM, EINVAL, ENOMEM, ENOTDIR]
  private static let expectedOfFilters: Set<Int32> = [EACCES, EBUSY, EINVAL, EFAULT, ENOMEM, ESRCH]

  private(set) var bytes: [UInt8]

  /// Makes a launcher for a plan.
  ///
  /// - Throws: ``RuntimeError`` if a filter has more instructions than the kernel can count.
  init(_ plan: LauncherPlan) throws(RuntimeError) {
    bytes = [UInt8](repeating: 0, count: Self.headerBytes)
    bytes += UnsafeBufferPointer(start: launcher_code(), count: launcher_code_size())
    let place = bytes.count
    bytes += [UInt8](repeating: 0, count: Self.planLength * 8)
    var filters: [UInt64] = []
    for filter in plan.filters {
      let count = filter.instructions.count
      guard UInt16(exactly: count) != nil else {
        throw RuntimeError(
          .unavailable, "the kernel refuses the seccomp filter: it has \(count) instructions")
      }
      let program = add([UInt64(count), add(filter.instructions)])
      filters += [UInt64(filter.flags), program]
    }
    let foreign = RuntimeError(
      .notExecutable, "cannot run the program: it leads to /proc/self/exe, which is not in the image")
    var confinement: [UInt64] = [0, 0, 0, 0]
    if let label = plan.label {
      let text = label.text
      let messages = add(messages: plan.report, for: Self.expectedOfLabels) { reason in
        RuntimeError(
          .unavailable,
          "the kernel does not give \(label.name) of \(label.module.name) to the program: "
            + (reason?.description ?? "an unknown error"))
      }
      confinement = [add(label.file + [0]), add(text), UInt64(text.count), messages]
    }
    let words: [UInt64] = [
      add(filters + [0, 0]),
      add(messages: plan.report, for: Self.expectedOfFilters) {
        RuntimeError(
          .unavailable, "the kernel refuses the seccomp filter: \($0?.description ?? "an unknown error")")
      },
      add(texts: plan.candidates), add(texts: plan.arguments), add(texts: plan.environment),
      add(messages: plan.report, for: Self.expected, plan.failure),
      add(messages: plan.report, for: []) { _ in foreign },
      Self.ignored, 0, 0, 0,
    ]
    for (index, word) in (words + confinement).enumerated() {
      bytes.put(littleEndian: word, at: place + index * 8)
    }
    putHeaders()
  }

  // MARK: Data

  /// Adds bytes, and returns their address.
  private mutating func add(_ content: some Collection<UInt8>) -> UInt64 {
    bytes += [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
    let address = Self.address + UInt64(bytes.count)
    bytes += content
    return address
  }

  private mutating func add(_ words: [UInt64]) -> UInt64 {
    words.withUnsafeBytes { add($0) }
  }

  /// Adds texts, and an array of their addresses that ends in 0.
  private mutating func add(texts: [[UInt8]]) -> UInt64 {
    add(texts.map { add($0 + [0]) } + [0])
  }

  /// Adds messages for error numbers, and one for all others.
  private mutating func add(
    messages report: (RuntimeError) -> (message: [UInt8], status: UInt8), for numbers: Set<Int32>,
    _ failure: (Errno?) -> RuntimeError
  ) -> UInt64 {
    let other = add(report(failure(nil)))
    var words: [UInt64] = []
    for number in 0..<Self.messageCount {
      words += numbers.contains(number) ? add(report(failure(Errno(rawValue: number)))) : other
    }
    return add(words)
  }

  private mutating func add(_ report: (message: [UInt8], status: UInt8)) -> [UInt64] {
    [add(report.message), UInt64(report.message.count), UInt64(report.status)]
  }

  // MARK: Headers

  private mutating func putHeaders() {
    var header = Elf64_Ehdr()
    // The magic number; 64 bits, little-endian, version 1.
    header.e_ident = (0x7F, 0x45, 0x4C, 0x46, 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    header.e_type = UInt16(ET_EXEC)
    header.e_machine = launcher_machine
    header.e_version = UInt32(EV_CURRENT)
    header.e_entry = Self.address + UInt64(Self.headerBytes)
    header.e_phoff = UInt64(MemoryLayout<Elf64_Ehdr>.size)
    header.e_ehsize = UInt16(MemoryLayout<Elf64_Ehdr>.size)
    header.e_phentsize = UInt16(MemoryLayout<Elf64_Phdr>.size)
    header.e_phnum = 2
    // One segment for the whole file, which is not writable.
    var content = Elf64_Phdr()
    content.p_type = UInt32(PT_LOAD)
    content.p_flags = UInt32(PF_R | PF_X)
    content.p_vaddr = Self.address
    content.p_paddr = Self.address
    content.p_filesz = UInt64(bytes.count)
    content.p_memsz = UInt64(bytes.count)
    content.p_align = 0x1_0000
    // A stack that is not executable.
    var stack = Elf64_Phdr()
    stack.p_type = UInt32(PT_GNU_STACK)
    stack.p_flags = UInt32(PF_R | PF_W)
    let headers =
      withUnsafeBytes(of: header, Array.init) + withUnsafeBytes(of: content, Array.init)
      + withUnsafeBytes(of: stack, Array.init)
    bytes.replaceSubrange(0..<headers.count, with: headers)
  }
}
