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
    let place = try BuildPlace(in: Self.temporary(command.tmpdir?.path)) { reporter.note($0) }
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
      definition, settings, runner: try runner(log), fetcher: bases, tell: { log.take($0) })
    if let besides, let sandbox {
      let tree = besides.path.appending("tree")
      try SystemError.check("make", tree) { tree.withPlatformString { mkdir($0, 0o755) } }
      if isUpdate { try sandbox.copy(to: BuildTree(path: tree)) }
      let built = try build.run(in: tree, isUpdate: isUpdate)
      try sandbox.take(built.tree.path, oldTo: besides)
      if built.tree.attributes.count > 0 {
        reporter.warn(
          "\(built.tree.attributes.count) files have owners, devices or attributes that a directory cannot hold; an image can"
        )
      }
      return
    }
    let file = form == .sif ? target : place.path.appending("image.sif")
    if let cache = try cache(bases) {
      var isNew = false
      let entry = try cache.place.entry(.build, cache.key) { path in
        isNew = true
        try pack(try build.run(), to: path, signs: false, log)
      }
      if !isNew {
        reporter.note(
          "nothing has changed since an earlier build, whose image is taken: --no-cache builds anew")
      }
      try copy(entry, to: file)
    } else {
      try pack(try build.run(), to: file, signs: form == .sif, log)
    }
    guard form == .oci else { return }
    let squashfs = try Partition(of: Image(opening: file)).unlock().squashfs()
    var export = ImageExport(of: file, squashfs)
    try export.write(to: OCILocation(.layout, target), architecture: settings.architecture)
  }

  /// The cache and the key of this build; nil if the cache is not used. An image that is encrypted is nowhere in the clear.
  private func cache(_ bases: BuildBases) throws -> (place: ImageCache, key: String)? {
    guard encryption == nil, let cache = bases.cache, (try? cache.makeDirectory(.build)) != nil,
      let key = try BuildKey.key(of: definition, settings, options, fetcher: bases)
    else { return nil }
    if command.noCache { cache.forget(.build, key) }
    return (cache, key)
  }

  /// Makes an image of one in the cache.
  private func copy(_ entry: FilePath, to path: FilePath) throws {
    let source = try OwnedDescriptor(opening: entry, flags: O_RDONLY)
    var file = try ReplacementFile(replacing: path, mode: 0o755)
    let count = try source.byteCount()
    guard try source.copy(from: 0, count: count, to: file.descriptor.rawValue) == count else {
      throw SystemError(errno: .ioError, operation: "copy", path: entry)
    }
    if form == .sif {
      let storage = FileStorage(adopting: try file.duplicateDescriptor())
      var editor = try ImageEditor(editing: storage, clock: clock, ordersWrites: false)
      _ = try command.signing.sign(&editor, reporter)
    }
    try file.commit()
  }

  private func pack(_ built: BuiltTree, to path: FilePath, signs: Bool, _ log: BuildLog) throws {
    var packer = Packer(built.parts, options, clock: clock)
    packer.isPlain = true
    packer.architecture = settings.architecture
    packer.encryption = encryption
    packer.onNote = { log.take(.note($0)) }
    if signs { packer.onComplete = { editor in _ = try command.signing.sign(&editor, reporter) } }
    let report = try log.step("squashfs") { try packer.pack(.tree(built.tree), to: path) }
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
    BuildStepRunner(site: try SiteSettings.configured(), onNote: { log.take(.note($0)) })
  }

  private static func temporary(_ given: FilePath?) -> FilePath {
    if let given { return given }
    for name in ["APPTAINER_TMPDIR", "SINGULARITY_TMPDIR", "TMPDIR"] {
      if let value = getenv(name), value.pointee == 0x2F { return FilePath(platformString: value) }
    }
    return "/tmp"
  }
}
