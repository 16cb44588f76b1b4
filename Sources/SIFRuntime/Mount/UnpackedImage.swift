import CLinux
import Glibc
import LinuxSystem
import Partitions
import Squash
import SystemPackage

/// The files of a squashfs in a temporary directory, for systems where nothing can mount it (spec/runtime.md "Without
/// mounts").
///
/// A process outside of the container removes the directory when the container's root is gone, or when this process ends
/// before there is one.
final class UnpackedImage {
  /// The directory with the files.
  let directory: SourceDirectory
  private let remover: Helper

  /// Unpacks a squashfs. This process must have one thread.
  ///
  /// - Parameters:
  ///   - parent: where the temporary directory is made; nil for TMPDIR.
  ///   - isPrivileged: whether to set owners and to make device nodes, as root.
  init(
    _ volume: ImageVolume, in parent: FilePath?, isPrivileged: Bool, _ onNote: (String) -> Void
  ) throws(RuntimeError) {
    let usual = getenv("TMPDIR").map { FilePath(platformString: $0) }
    let base = parent ?? usual.flatMap { $0.isAbsolute ? $0 : nil } ?? "/tmp"
    var template = base.appending("siftool-XXXXXX").bytes.map { CChar(bitPattern: $0) } + [0]
    guard mkdtemp(&template) != nil else {
      throw RuntimeError(
        SystemError(
          errno: Errno(rawValue: linux_errno()), operation: "make a temporary directory in", path: base))
    }
    let path = FilePath(platformString: template)
    let place = try translating(try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY))
    try translating(try place.makeDirectory(Self.name, mode: 0o700))
    let number = place.rawValue
    remover = try translating { () throws(SystemError) in
      try Helper(.detached, keeping: [number]) { channel in
        // The copy of the socket that the program's process has is closed when it becomes the program.
        if let watch = try? channel.receive(path: "watch") {
          do { try channel.close() } catch { return 1 }
          FileSystemWatch.waitForEnd(watch)
        }
        TreeRemoval.remove(OwnedDescriptor(adopting: number, path: path), at: path)
        return 0
      }
    }
    onNote(
      "the image is unpacked into \(path.string) instead of being mounted; that takes time and space, and the files are "
        + "removed at the end")
    try Self.unpack(volume, into: try translating(try place.openDirectory(Self.name)), isPrivileged)
    directory = try SourceDirectory(opening: path.appending("root"))
  }

  private static let name = Array("root".utf8)

  /// Extracts in a process of its own: this one must keep having one thread.
  private static func unpack(
    _ volume: ImageVolume, into directory: borrowing OwnedDescriptor, _ isPrivileged: Bool
  ) throws(RuntimeError) {
    let number = directory.rawValue
    let starter = getpid()
    let words = try translating { () throws(SystemError) in
      let extraction = try Helper(.child) { channel in
        linux_prctl(PR_SET_PDEATHSIG, UInt(SIGKILL), 0)
        guard getppid() == starter else { return 1 }
        umask(0)
        var options = ExtractionOptions()
        options.isPrivileged = isPrivileged
        options.threads = Workers.processors(limit: 8)
        var words: [UInt8] = [0]
        do {
          let report = try volume.squash.extract(
            into: OwnedDescriptor(adopting: number, path: "/"), options)
          if let fault = report.faults.first { words = RuntimeError(.malformed, fault.description).bytes }
        } catch { words = RuntimeError(any: error).bytes }
        return linux_send(channel.rawValue, words, words.count) == words.count ? 0 : 1
      }
      let words = try extraction.channel?.readToEnd(limit: 1 << 16) ?? []
      _ = try extraction.wait()
      return words
    }
    guard words != [0] else { return }
    let error = RuntimeError(bytes: words) ?? RuntimeError(.system, "the process has died")
    throw RuntimeError(error.code, "the image cannot be unpacked: \(error.message)", system: error.system)
  }

  /// Tells the other process which file system to watch.
  func keep(while root: FilePath) throws(RuntimeError) {
    do {
      let watch = try FileSystemWatch.begin(at: root)
      try remover.channel?.send(watch)
    } catch { throw RuntimeError(error) }
    remover.closeChannel()
  }

  /// Gives up this process's end of the socket.
  func letGo() { remover.closeChannel() }
}
