import Accelerators
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
    let place = try BuildDirectory(in: try Self.temporary(command.tmpdir?.path)) { reporter.note($0) }
    // A sandbox is made beside its name, so that it gets it by a rename.
    let besides = try sandbox.map { sandbox in
      try BuildDirectory(in: try sandbox.parent.resolvingLinks()) { reporter.note($0) }
    }
    defer {
      if command.noCleanup {
        reporter.note("the tree of the build is kept in \((besides ?? place).path.printable)")
        place.keep()
        besides?.keep()
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

  private func build(_ place: BuildDirectory, _ besides: BuildDirectory?, _ log: BuildLog) throws {
    var settings = settings
    settings.temporary = place.path
    let bases = try bases(place.path)
    let build = DefinitionBuild(
      definition, settings, runner: try runner(log), fetcher: bases, tell: { log.take($0) })
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
      if let besides { try sandbox?.take(built.tree.path, oldTo: besides.path) }
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

  /// What runs the steps, as the administrators allow it.
  private func runner(_ log: BuildLog) throws -> BuildStepRunner {
    BuildStepRunner(
      site: try SiteSettings.configured(),
      drivers: { settings in
        var request = DriverRequest()
        if settings.showsNvidia { request.vendors.insert(.nvidia) }
        if settings.showsRocm { request.vendors.insert(.rocm) }
        return try request.resolve { log.take(.note($0)) }
      }, onNote: { log.take(.note($0)) })
  }

  /// The directory for temporary files that the user names; nil for the usual one.
  private static func temporary(_ given: FilePath?) throws(SystemError) -> FilePath? {
    if let given { return try given.resolvingLinks() }
    for name in ["APPTAINER_TMPDIR", "SINGULARITY_TMPDIR", "TMPDIR"] {
      if let value = getenv(name), value.pointee == 0x2F {
        return try FilePath(platformString: value).resolvingLinks()
      }
    }
    return nil
  }
}
