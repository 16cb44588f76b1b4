import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A program that serves a file system through FUSE: `fuse2fs` or `fuse-overlayfs`.
///
/// It is a child of this process, and ends with it, or when its mount is gone everywhere.
struct FileSystemProgram {
  /// What to start.
  struct Call {
    /// The program's name.
    let name: String
    /// Its arguments without its name and the directory to mount on.
    let arguments: [String]
    /// The descriptor that it keeps, of the file that it serves.
    let file: Int32?
    /// The capabilities that it gets.
    let capabilities: Capabilities
  }

  /// Seconds to wait for the mount.
  private static let patience = 10.0

  /// Starts a program, and waits until it has mounted.
  ///
  /// - Returns: a copy of the mount, in no place: the place itself is free again.
  /// - Throws: ``RuntimeError``, with the program's own words.
  static func start(_ call: Call, on target: FilePath) throws(RuntimeError) -> OwnedDescriptor {
    guard let program = FuseMount.find(call.name) else { throw isMissing(call.name) }
    var ends: [Int32] = [-1, -1]
    try translating { () throws(SystemError) in
      try SystemError.check("make a pipe") { linux_pipe(&ends) }
    }
    let reading = OwnedDescriptor(adopting: ends[0], path: "pipe")
    let words = ends[1]
    // Nobody reads what it says later: then it must not wait for a reader.
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    let starter = getpid()
    let process = try translating { () throws(SystemError) in
      try Forking.child {
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGTERM), 0)
        guard getppid() == starter, dup2(words, STDOUT_FILENO) >= 0, dup2(words, STDERR_FILENO) >= 0,
          (try? call.capabilities.keepAlone()) != nil
        else { return 1 }
        Forking.closeOnExecute(allBut: call.file.map { [$0] } ?? [])
        if let file = call.file { _ = fcntl(file, F_SETFD, 0) }
        let arguments = ([call.name] + call.arguments + [target.string]).map { Array($0.utf8) }
        let failure = Forking.execute(
          program.bytes, arguments, [Array("PATH=/usr/bin:/bin".utf8), Array("LC_ALL=C".utf8)])
        _ = failure.description.utf8CString.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
        return 127
      }
    }
    close(words)
    func ended() -> Bool { waitpid(process, nil, WNOHANG) == process }
    var waited = 0.0
    while true {
      if try ImageMounts.top(at: target) != nil { break }
      if ended() { throw failure(call.name, said(reading)) }
      guard waited < patience else {
        kill(process, SIGKILL)
        _ = try? Forking.wait(for: process)
        throw failure(call.name, "no mount after \(Int(patience)) seconds")
      }
      usleep(1000)
      waited += 0.001
    }
    let copy = try translating { () throws(SystemError) in
      let copy = try Mounting.copy(of: target)
      try Mounting.unmount(target, lazily: true)
      return copy
    }
    // Kept open for as long as the program runs, so that it can still write.
    _ = reading.release()
    return copy
  }

  /// The error for a program that is not installed.
  static func isMissing(_ name: String) -> RuntimeError {
    RuntimeError(
      .unavailable, "the program \(name) is not installed (package \(name))", lacking: .fileSystemProgram)
  }

  private static func failure(_ name: String, _ words: String) -> RuntimeError {
    RuntimeError(.system, "\(name) cannot make the mount: \(words)")
  }

  private static func said(_ pipe: borrowing OwnedDescriptor) -> String {
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = max(Glibc.read(pipe.rawValue, &bytes, bytes.count), 0)
    let lines = String(decoding: bytes[..<count], as: UTF8.self).split(separator: "\n").filter {
      !$0.contains("argument ignored")
    }
    return lines.isEmpty ? "it ended without a word" : lines.prefix(3).joined(separator: "; ")
  }
}
