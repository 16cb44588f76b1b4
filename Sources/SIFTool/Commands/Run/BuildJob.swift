import Bytes
import CommandKit
import Definition
import ExecutionControl
import Glibc
import ImageBuild
import ImageFetch
import LinuxSystem
import LUKS
import OCI
import Partitions
import SIF
import SIFRuntime
import Squash
import StrictJSON
import SystemPackage
import Transport

/// One build, once everything about it was read and checked.
struct BuildJob {
  let definition: DefinitionFile
  var settings: BuildSettings
  let form: BuildFormat
  let target: FilePath
  let sandbox: SandboxTarget?
  let isUpdate: Bool
  let command: BuildCommand
  let reporter: Reporter
  let clock: EditClock
  let options: WriterOptions
  let encryption: (key: NewVolumeKey, options: FormatOptions)?

  /// Builds.
  func run() throws {
    let log = BuildLog(reporter)
    let parent = Self.temporary(command.tmpdir?.path)
    let place = try BuildPlace(in: parent) { reporter.note($0) }
    // A sandbox is made beside its name, so that it gets it by a rename.
    let besides = try sandbox.map { try BuildPlace(in: $0.parent, name: ".siftool-build") }
    defer {
      if command.noCleanup {
        place.keep()
        besides?.keep()
        reporter.note("the tree of the build is kept in \((besides ?? place).path.printable)")
      } else {
        place.remove()
        besides?.remove()
      }
    }
    // Whatever else needs a temporary file makes it there.
    setenv("TMPDIR", place.path.string, 1)
    do { try build(place, besides, log) } catch {
      log.showEnd()
      throw error
    }
    guard command.output.json else { return reporter.note("\(target.printable) is built") }
    try Console.write(document: [
      JSONMember("target", .string(target.printable)), JSONMember("format", .string(form.rawValue)),
      JSONMember("steps", log.steps),
    ])
  }

  private func build(_ place: BuildPlace, _ besides: BuildPlace?, _ log: BuildLog) throws {
    var settings = settings
    settings.temporary = place.path
    let bases = try bases(place.path)
    let build = DefinitionBuild(
      definition, settings,
      runner: BuildStepRunner(site: try SiteSettings.configured()) { [reporter] in reporter.note($0) },
      fetcher: bases, tell: { log.take($0) })
    var tree: FilePath?
    if let besides {
      let path = besides.path.appending("tree")
      try SystemError.check("make", path) { path.withPlatformString { mkdir($0, 0o755) } }
      if isUpdate { try sandbox?.copy(to: BuildTree(path: path)) }
      tree = path
    }
    let built = try build.run(in: tree, isUpdate: isUpdate)
    switch form {
    case .sandbox:
      if let besides { try sandbox?.take(built.tree.path, oldTo: besides) }
      if built.tree.attributes.count > 0 {
        reporter.warn(
          "\(built.tree.attributes.count) files have owners, devices or attributes that a directory cannot hold; an image can"
        )
      }
    case .sif: try pack(built, to: target, log)
    case .oci:
      let file = place.path.appending("image.sif")
      try pack(built, to: file, log)
      let squashfs = try Partition(of: Image(opening: file)).unlock().squashfs()
      var export = ImageExport(of: file, squashfs)
      try export.write(to: OCILocation(.layout, target), architecture: settings.architecture)
    }
  }

  private func pack(_ built: BuiltTree, to path: FilePath, _ log: BuildLog) throws {
    var packer = Packer(built.parts, options, clock: clock)
    packer.isPlain = true
    packer.architecture = settings.architecture
    packer.encryption = encryption
    packer.onNote = { log.take(.note($0)) }
    log.take(.began("image"))
    packer.onComplete = { editor in _ = try command.signing.sign(&editor, reporter) }
    let report = try packer.pack(.tree(built.tree), to: path)
    log.take(.ended("image", seconds: 0))
    for line in report.skipped { reporter.note("left out: \(line)") }
  }

  private func bases(_ place: FilePath) throws -> BuildBases {
    var fetch = try command.fetch.settings(reporter)
    let http = fetch.http
    fetch.namedLibrary = { LibraryOptions.find($0, http) }
    return BuildBases(fetch, temporary: place, dockerHost: command.dockerHost)
  }

  private static func temporary(_ given: FilePath?) -> FilePath {
    if let given { return given }
    for name in ["APPTAINER_TMPDIR", "SINGULARITY_TMPDIR", "TMPDIR"] {
      if let value = getenv(name), value.pointee == 0x2F { return FilePath(platformString: value) }
    }
    return "/tmp"
  }
}
