import Bytes
import Glibc
import LinuxSystem
import Synchronization

/// The agent busybox: one program with many names (spec/build.md "Agents").
struct BusyboxBase {
  private let base: StageBase

  init(_ base: StageBase) { self.base = base }

  func make() throws {
    let files = base.files
    try BaseFiles.add(to: files, overwrites: true)
    try files.write("etc/passwd", Array("root:!:0:0:root:/root:/bin/sh\n".utf8), mode: 0o664)
    try files.write("etc/group", Array("root:x:0:\n".utf8), mode: 0o664)
    try files.write("etc/hosts", Array("127.0.0.1   localhost\n".utf8), mode: 0o664)
    try files.makeDirectory("bin")
    let address = String(decoding: try base.value("mirrorurl"), as: UTF8.self)
    let program = files.tree.path.appending("bin/busybox")
    base.tell(.note("fetching \(address.printable)"))
    try base.fetcher.download(address, to: program)
    let bin = try files.open("bin", flags: O_RDONLY | O_DIRECTORY)
    let name = Array("busybox".utf8)
    try bin.setPermissions(of: name, 0o755, type: S_IFREG)
    for link in try names() where link != name {
      guard try bin.status(of: link) == nil else { continue }
      try bin.makeLink(link, to: name, in: bin)
    }
  }

  /// The names that the program knows. It says so itself, in the container.
  private func names() throws -> [[UInt8]] {
    let output = Collected<[UInt8]>()
    let step = BuildStep(
      .program, name: "busybox --list", line: base.stage.line,
      words: ["/bin/busybox", "--list"].map { Array($0.utf8) }, tree: base.files.tree,
      settings: base.settings.steps)
    let status = try base.runner.run(step) { output.append($0) }
    let text = Array(output.all.joined())
    guard status == 0 else {
      throw ImageBuildError(
        .stepFailed,
        "line \(base.stage.line): the program that MirrorURL names cannot tell its names: busybox --list ended with \(status)"
      )
    }
    let names = text.split { $0 == 0x0A || $0 == 0x0D || $0 == 0x20 }.map(Array.init)
    if let odd = names.first(where: {
      $0.contains(0x2F) || $0.contains(0) || $0.count > 255 || $0.first == 0x2E
    }) {
      throw ImageBuildError(
        .unsuitableImage, "busybox --list says \"\(odd.prefix(80).printable)\", which is no name of a program"
      )
    }
    return names
  }
}
