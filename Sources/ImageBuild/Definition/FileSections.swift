import Bytes
import Definition
import Glibc
import LinuxSystem
import SystemPackage

/// Copies what `%files` and `%appfiles` of a stage name (spec/build.md "Files").
struct FileSections {
  let stage: DefinitionFile.Stage
  let files: TreeFiles
  let settings: BuildSettings
  /// The trees of earlier stages by their names.
  let stages: [String: BuildTree]
  let tell: @Sendable (BuildEvent) -> Void

  /// Copies from earlier stages.
  func copyFromStages() throws {
    for section in stage.sections {
      guard let name = section.sourceStage else { continue }
      guard let tree = stages[name] else {
        throw ImageBuildError(
          .notFound, "line \(section.line): there is no earlier stage \"\(name.printable)\"")
      }
      let source = try TreeFiles(tree)
      for copy in section.copies {
        try at(copy.line) { try self.copy(copy, from: source) }
      }
    }
  }

  /// Copies from the host.
  func copyFromHost() throws {
    let host = try HostFiles(files)
    for section in stage.sections where section.kind == .files && section.sourceStage == nil {
      for copy in section.copies {
        try at(copy.line) {
          let sources = try HostFiles.sources(copy.source, in: settings.directory)
          warn(copy, sources.count)
          for source in sources {
            let place = copy.destination ?? Self.ownPlace(copy.source, source, settings.directory)
            try host.copy(source, to: place)
          }
        }
      }
    }
  }

  /// Copies what `%appfiles` of an app names.
  func copyFiles(of app: String) throws {
    let host = try HostFiles(files)
    for line in stage.lines(of: .appFiles(app)) {
      let words = Self.appWords(line)
      guard let source = words.first else { continue }
      let place = words.count > 1 ? words[1] : source
      try at(line.number) {
        for path in try HostFiles.sources(source, in: settings.directory) {
          try host.copy(path, to: Array("scif/apps/\(app)/".utf8) + place, createsParents: false)
        }
      }
    }
  }

  /// The words of a line of `%appfiles`.
  static func appWords(_ line: DefinitionLine) -> [[UInt8]] {
    line.bytes.prefix { $0 != 0x23 }.split { $0 == 0x20 || $0 == 0x09 }.map(Array.init)
  }

  /// The place of a copy without a destination: the path as it is written, or what the pattern has found.
  private static func ownPlace(_ written: [UInt8], _ found: FilePath, _ directory: FilePath) -> [UInt8] {
    guard FilePattern.isPattern(written), written.first != 0x2F, found.starts(with: directory) else {
      return written.first == 0x2F ? found.bytes : FilePattern.isPattern(written) ? found.bytes : written
    }
    return Array(found.bytes.dropFirst(directory.bytes.count))
  }

  /// What the runtimes do without a word.
  private func warn(_ copy: DefinitionFile.FileCopy, _ count: Int) {
    if count > 1, let place = copy.destination, place.last != 0x2F {
      tell(
        .note(
          "line \(copy.line): \(copy.source.printable) matches \(count) files; if \(place.printable) is no directory, the last one of them stays"
        ))
    }
    let names = TreeFiles.names(of: copy.destination ?? copy.source).map {
      String(decoding: $0, as: UTF8.self)
    }
    if names.first == "tmp" || names.starts(with: ["var", "tmp"]) {
      tell(
        .note(
          "line \(copy.line): %post has a /tmp and a /var/tmp of its own, and does not see what is copied there"
        ))
    }
  }

  private func at(_ line: Int, _ body: () throws -> Void) throws {
    do { try body() } catch let error as ImageBuildError {
      throw ImageBuildError(error.code, "line \(line): \(error.description)")
    }
  }

  // MARK: From a stage

  private func copy(_ copy: DefinitionFile.FileCopy, from source: TreeFiles) throws {
    let place = StagePlace(files: source)
    let names = TreeFiles.names(of: copy.source)
    var matches = [names]
    if try source.target(TreeFiles.path(names)) == nil {
      matches = FilePattern.isPattern(copy.source) ? try FilePattern(copy.source).matches(in: place) : []
    }
    guard !matches.isEmpty else {
      throw ImageBuildError(.notFound, "the stage has nothing that is called \(copy.source.printable)")
    }
    warn(copy, matches.count)
    for match in matches {
      try self.copy(match, to: copy.destination ?? TreeFiles.path(match).bytes, from: source)
    }
  }

  private func copy(_ match: [[UInt8]], to destination: [UInt8], from source: TreeFiles) throws {
    let named: OwnedDescriptor
    do throws(SystemError) { named = try source.named(TreeFiles.path(match)) } catch {
      throw ImageBuildError(
        .notFound, "\(TreeFiles.path(match).printable) in the stage is a link that leads to nothing")
    }
    let status = try named.status()
    let target = TreeFiles.names(of: destination)
    let copier = TreeCopy(from: source.tree.attributes, to: files.tree.attributes)
    let isDirectory = try files.target(TreeFiles.path(target)).map { $0.st_mode & S_IFMT == S_IFDIR } ?? false
    let isInto = isDirectory || destination.last == 0x2F
    let names = isInto ? target + (match.last.map { [$0] } ?? []) : target
    if status.st_mode & S_IFMT == S_IFDIR {
      let from = try source.root.openInRoot(TreeFiles.path(match), flags: O_RDONLY | O_DIRECTORY)
      try copier.copyContents(of: from, to: try files.parent(names))
      return
    }
    // Where links led to, the file has another name in another directory.
    let real = try named.currentPath()
    guard let last = names.last, let name = real.lastComponent.map({ Array(FilePath($0.string).bytes) })
    else { return }
    let from = try OwnedDescriptor(
      opening: FilePath(bytes: real.bytes.dropLast(name.count)), flags: O_RDONLY | O_DIRECTORY)
    try copier.copy(name, in: from, as: last, in: try files.parent(Array(names.dropLast())))
  }
}

/// The directories of a stage's tree.
private struct StagePlace: FilePattern.Place {
  let files: TreeFiles

  func names(in path: [[UInt8]]) throws(SystemError) -> [[UInt8]] {
    do throws(SystemError) {
      return try files.root.openInRoot(TreeFiles.path(path), flags: O_RDONLY | O_DIRECTORY).names()
    } catch {
      guard [.noSuchFileOrDirectory, .notDirectory].contains(error.errno) else { throw error }
      return []
    }
  }

  func has(_ path: [[UInt8]]) throws(SystemError) -> Bool {
    try files.target(TreeFiles.path(path)) != nil
  }
}
