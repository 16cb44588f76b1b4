import Bytes
public import Definition
import Gcrypt
import Glibc
import LinuxSystem
import SIF
public import Squash
import SystemPackage

/// What an image depends on, as a digest: an image of the same key need not be built again (spec/build.md "The cache").
public struct BuildKey: ~Copyable {
  private var hash: HashContext

  /// The key of a build; nil if it depends on what cannot be known before, such as scripts on the host, directories that are
  /// bound, or a directory that it begins with.
  ///
  /// - Parameter fetcher: says what the bases on servers are now.
  public static func key(
    of definition: DefinitionFile, _ settings: BuildSettings, _ options: WriterOptions,
    fetcher: any BaseFetcher
  ) throws -> String? {
    let steps = settings.steps
    guard steps.binds.isEmpty, steps.mounts.isEmpty, !steps.showsNvidia, !steps.showsRocm else { return nil }
    var key = BuildKey(hash: try HashContext(.sha256))
    key.add("\(settings.program.name) \(settings.program.version)")
    key.add(definition.bytes)
    for stage in definition.stages {
      guard stage.text(of: .pre) == nil, stage.text(of: .setup) == nil,
        let base = try Self.base(of: stage, settings, fetcher)
      else { return nil }
      key.add(base)
      // The build says what is wrong, and in which line.
      do { try key.addFiles(of: stage, settings) } catch { return nil }
    }
    key.add(settings.sections.map { $0.sorted().joined(separator: ",") } ?? "all")
    key.add(
      "\(settings.runsTest) \(settings.overwritesLabels) \(settings.fixesPermissions) \(steps.hasNetwork)")
    key.add("\(settings.architecture?.name ?? "") \(steps.secrets.map(\.id).joined(separator: ","))")
    switch settings.clock {
    case .automatic: key.add("now")
    case .fixed(let time): key.add("\(time.seconds)")
    }
    key.add(
      "\(options.compression) \(options.level ?? -1) \(options.blockSize) \(options.allRoot) \(options.keepsAttributes)"
    )
    return Hexadecimal.text(key.hash.finalize())
  }

  /// What a stage begins with; nil if that cannot be known.
  private static func base(
    of stage: DefinitionFile.Stage, _ settings: BuildSettings, _ fetcher: any BaseFetcher
  ) throws -> String? {
    let base = StageReference(stage, settings)
    switch stage.agent {
    case "docker", "oras", "library": return try fetcher.identity(of: try base.request())
    case "docker-daemon": return nil
    case "localimage": return file(base.path(try base.value("from")))
    case "docker-archive", "oci-archive", "oci":
      guard let location = try base.location() else { return nil }
      return file(location.form == .layout ? location.path.appending("index.json") : location.path)
    // What the text says is all that is known before.
    default: return ""
    }
  }

  /// A file by the numbers that every change of it changes; nil for a directory, and for what cannot be opened.
  private static func file(_ path: FilePath) -> String? {
    var status = stat()
    guard path.withPlatformString({ stat($0, &status) }) == 0, status.st_mode & S_IFMT == S_IFREG else {
      return nil
    }
    let (modified, changed) = (status.st_mtim, status.st_ctim)
    return
      "\(status.st_dev) \(status.st_ino) \(status.st_size) \(modified.tv_sec).\(modified.tv_nsec) \(changed.tv_sec).\(changed.tv_nsec)"
  }

  // MARK: Files of the host

  private mutating func addFiles(of stage: DefinitionFile.Stage, _ settings: BuildSettings) throws {
    guard settings.obeys("files") else { return }
    for section in stage.sections where section.kind == .files && section.sourceStage == nil {
      for copy in section.copies {
        for path in try HostFiles.sources(copy.source, in: settings.directory) { try add(path, depth: 0) }
      }
    }
    for app in stage.apps {
      for line in stage.lines(of: .appFiles(app)) {
        guard let source = FileSections.appWords(line).first else { continue }
        for path in try HostFiles.sources(source, in: settings.directory) { try add(path, depth: 0) }
      }
    }
  }

  private mutating func add(_ path: FilePath, depth: Int) throws {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    let status = try file.status()
    add(path.bytes)
    add("\(status.st_mode)")
    switch status.st_mode & S_IFMT {
    case S_IFDIR:
      // The copy says what is wrong with a loop of links.
      guard depth < HostFiles.deepest else { return }
      for name in try file.names().sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        try add(path.pushing(FilePath(bytes: name)), depth: depth + 1)
      }
    case S_IFREG:
      add("\(status.st_size)")
      while true {
        let block = try file.readToEnd(limit: 1 << 20)
        if block.isEmpty { break }
        hash.update(block.span.bytes)
      }
    default: break
    }
  }

  // MARK: Parts

  private mutating func add(_ text: String) { add(Array(text.utf8)) }

  /// Adds a part with its length, so that no two lists of parts are the same bytes.
  private mutating func add(_ bytes: [UInt8]) {
    hash.update(Array("\(bytes.count):".utf8).span.bytes)
    hash.update(bytes.span.bytes)
  }
}
