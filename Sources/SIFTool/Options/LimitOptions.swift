import ArgumentParser
import Glibc
import LinuxSystem
import SIFRuntime
import SystemPackage

/// What `exec`, `run` and `shell` limit a program to.
struct LimitOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Allow the system calls of a profile alone, in the runtimes' JSON form.", valueName: "seccomp:file"))
  var security: [BytesArgument] = []

  func validate() throws {
    for text in security.map(\.bytes) { _ = try Self.profile(text) }
    guard security.count <= 1 else { throw ValidationError("--security seccomp:FILE can be given once") }
  }

  /// The file of `seccomp:FILE`; of what else the runtimes take there, nothing is done here.
  private static func profile(_ text: [UInt8]) throws -> FilePath {
    let kind = String(decoding: text.prefix { $0 != 0x3A }, as: UTF8.self)
    let value = Array(text.drop { $0 != 0x3A }.dropFirst())
    switch kind {
    case "seccomp" where !value.isEmpty: return FilePath(bytes: value)
    case "seccomp": throw ValidationError("--security seccomp:FILE names a profile")
    case "uid", "gid":
      throw ValidationError(
        "--security \(kind) is not to be had: the program runs as you, or with --fakeroot as root of its own")
    case "selinux", "apparmor":
      throw ValidationError(
        "--security \(kind) is not to be had: start siftool itself under the label or profile, which the program keeps"
      )
    default: throw ValidationError("--security takes seccomp:FILE")
    }
  }

  /// The profile of system calls, read.
  func seccomp() throws -> SeccompProfile? {
    guard let text = security.first else { return nil }
    let path = try Self.profile(text.bytes)
    return try SeccompProfile(parsing: Self.content(of: path), file: path.string)
  }

  private static let longest = 1 << 20

  /// A short file's content.
  private static func content(of path: FilePath) throws -> [UInt8] {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NOCTTY | O_CLOEXEC)
    let bytes = try file.readToEnd(limit: longest + 1)
    guard bytes.count <= longest else {
      throw ToolFailure.usage("\(path.string) is longer than \(longest) bytes")
    }
    return bytes
  }
}
