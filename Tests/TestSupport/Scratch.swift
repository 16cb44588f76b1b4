import Glibc

/// A directory of a test's own, which is removed with the last reference to it.
public final class Scratch: Sendable {
  /// Its absolute path.
  public let path: String

  /// A new, empty directory that only this user can enter.
  public init() throws {
    // A short path: GnuPG puts sockets inside, whose paths may have 107 bytes.
    var template = Array("/tmp/sif-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw ToolError(description: "mkdtemp failed") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    // A failed test may have left mounts, and directories that their owner cannot enter.
    let mounts = (try? Tool.read("/proc/self/mountinfo")).map { String(decoding: $0, as: UTF8.self) } ?? ""
    if mounts.contains(" \(path)/") {
      let script =
        #"awk -v place="$1/" 'index($5, place) == 1 { print $5 }' /proc/self/mountinfo | sort -r | xargs -r umount -l"#
      _ = try? Tool.run(["sh", "-c", script, "sh", path])
    }
    let remove = ["rm", "-rf", "--one-file-system", path]
    guard (try? Tool.run(remove))?.status != 0 else { return }
    _ = try? Tool.run(["chmod", "-R", "u+rwx", path])
    _ = try? Tool.run(remove)
  }

  /// The path of a file in the directory.
  public func file(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes a file in the directory and returns its path.
  @discardableResult
  public func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Tool.write(file(name), bytes)
    return file(name)
  }

  /// Writes a file of text.
  @discardableResult
  public func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }

  /// The bytes of a file in the directory.
  public func read(_ name: String) throws -> [UInt8] { try Tool.read(file(name)) }
}

/// The former name of ``Scratch``.
public typealias TemporaryDirectory = Scratch
