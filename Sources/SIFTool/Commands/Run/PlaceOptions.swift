import ArgumentParser
import CommandKit
import SIFRuntime
import SystemPackage

/// The places of a container: its home, what it can write, and what it has besides the image. An empty value is as good as none,
/// as in the runtimes.
struct PlaceOptions: SeparateGroup {
  @Option(
    help: ArgumentHelp(
      "Make a file or directory of the host visible in the container (repeatable).",
      discussion: """
        The members are type=bind, source, target, ro, image-src, id and nonested, separated by commas. Quote a member with \
        a comma in it: '\"source=/a,b\",target=/c'.
        """,
      valueName: "source=path,target=path"))
  var mount: [BytesArgument] = []
  @Option(
    name: [.customShort("H"), .long],
    help: ArgumentHelp(
      "Use a directory of the host as the home directory, at its own path or at another one.",
      valueName: "source[:target]"))
  var home: BytesArgument?
  @Option(
    name: [.customShort("W"), .long],
    help: ArgumentHelp(
      "With --contain, and for --scratch, use directories in this one instead of memory.", valueName: "dir"))
  var workdir: BytesArgument?
  @Option(
    name: [.customShort("S"), .long],
    help: ArgumentHelp(
      "Make empty directories that can be written, separated by commas (repeatable).", valueName: "dirs"))
  var scratch: [BytesArgument] = []
  @Option(
    help: ArgumentHelp(
      "Leave default mounts out, separated by commas (repeatable).",
      discussion:
        "They are proc, sys, dev, devpts, home, tmp, hostfs, cwd, bind-paths, and the paths of single binds of the site.",
      valueName: "names"))
  var noMount: [BytesArgument] = []

  /// The binds of `--mount`.
  var binds: [Bind] {
    get throws {
      try ToolFailure.reading("--mount") { try mount.flatMap { try Bind.parse(mounts: $0.bytes) } }
    }
  }

  func set(_ options: inout ContainerOptions) throws {
    options.home = try ToolFailure.reading("--home") { try home?.given.map(HomeChoice.parse) }
    options.workDirectory = workdir?.given.map { FilePath(bytes: $0) }
    try ToolFailure.reading("--scratch") { for one in scratch { try options.addScratch(one.bytes) } }
    try ToolFailure.reading("--no-mount") { for one in noMount { try options.omittedMounts.add(one.bytes) } }
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}

extension BytesArgument {
  /// The bytes, unless there are none.
  var given: [UInt8]? { bytes.isEmpty ? nil : bytes }
}
