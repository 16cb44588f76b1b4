import Bytes
public import Definition
import Glibc
import LinuxSystem
import Squash
public import SystemPackage

/// Builds a tree from a definition file: its stages one after the other, and of each the steps in the runtimes' order
/// (spec/build.md "The order of the steps").
///
/// This process is root as far as it goes, and has one thread while a step runs.
public final class DefinitionBuild {
  private let definition: DefinitionFile
  private let settings: BuildSettings
  private let runner: any StepRunner
  private let fetcher: any BaseFetcher
  private let tell: @Sendable (BuildEvent) -> Void
  private var stages: [String: BuildTree] = [:]
  private var document: [UInt8]?

  /// A build of a file in which nothing is wrong, and whose templates have their values.
  ///
  /// - Parameter tell: receives what goes on.
  public init(
    _ definition: DefinitionFile, _ settings: BuildSettings, runner: any StepRunner, fetcher: any BaseFetcher,
    tell: @escaping @Sendable (BuildEvent) -> Void
  ) {
    self.definition = definition
    self.settings = settings
    self.runner = runner
    self.fetcher = fetcher
    self.tell = tell
  }

  /// Builds all stages.
  ///
  /// - Parameters:
  ///   - place: the directory that becomes the tree of the last stage; nil for one in the temporary directory. It exists and
  ///     is empty, or holds the tree that an update goes on with.
  ///   - isUpdate: whether the sections change what is in the place, in which case no base is made.
  public func run(in place: FilePath? = nil, isUpdate: Bool = false) throws -> BuiltTree {
    try definition.requireSound()
    // What is made is readable for the group, as in the runtimes.
    let mask = umask(0o002)
    defer { umask(mask) }
    var last: TreeFiles?
    for (index, stage) in definition.stages.enumerated() {
      let isLast = index == definition.stages.count - 1
      let path = try isLast ? place ?? directory(index) : directory(index)
      let tree = BuildTree(path: path)
      let files = try TreeFiles(tree)
      document = nil
      try build(stage, index, files, isUpdate: isUpdate && isLast)
      if let name = stage.name { stages[name] = tree }
      last = files
    }
    guard let last else {
      throw ImageBuildError(.invalidArgument, "the definition file has no stage")
    }
    var parts = RuntimeParts()
    parts.definition = definition.bytes
    parts.addDocument("inspect-metadata.json", try InspectMetadata(last).document())
    if let document { parts.addDocument("oci-config.json", document) }
    return BuiltTree(tree: last.tree, parts: parts)
  }

  private func directory(_ index: Int) throws(SystemError) -> FilePath {
    let path = settings.temporary.appending("stage-\(index + 1)")
    try SystemError.check("make a directory for the stage", path) {
      path.withPlatformString { mkdir($0, 0o755) }
    }
    return path
  }

  private func build(_ stage: DefinitionFile.Stage, _ index: Int, _ files: TreeFiles, isUpdate: Bool) throws {
    let name = stage.name ?? "\(index + 1)"
    let label = definition.stages.count > 1 ? " of stage \(name.printable)" : ""
    let copies = FileSections(stage: stage, files: files, settings: settings, stages: stages, tell: tell)
    let apps = AppFiles(stage, files)

    try runScript(.host, .pre, "pre", stage, files, label)
    if !isUpdate {
      try step("base\(label): \(stage.agent)") {
        let base = StageBase(
          stage: stage, files: files, settings: settings, runner: runner, fetcher: fetcher, tell: tell)
        do { document = try base.make() } catch let error as SystemError
          where [ENOSPC, EDQUOT, EROFS].contains(error.errno.rawValue)
        {
          throw BuildPlaceError(error, files.tree.path)
        }
      }
    } else {
      try BaseFiles.add(to: files, overwrites: false)
    }
    let copiesFiles = settings.obeys("files")
    if !stage.apps.isEmpty {
      try step("apps\(label)") {
        try apps.add { app in if copiesFiles { try copies.copyFiles(of: app) } }
      }
    }
    let hasFiles = stage.sections.contains { $0.kind == .files }
    if copiesFiles, hasFiles { try step("%files\(label)") { try copies.copyFromStages() } }
    try runScript(.host, .setup, "setup", stage, files, label)
    if copiesFiles, hasFiles { try copies.copyFromHost() }
    try runPost(stage, apps, files, label)
    try StageFinish(
      stage: stage, definition: definition.bytes, files: files, settings: settings, tell: tell
    ).add()
    if settings.runsTest, settings.obeys("test"), stage.text(of: .test) != nil {
      try run(
        BuildStep(
          .test, name: "%test\(label)", line: stage.line(of: .test), tree: files.tree,
          settings: settings.steps))
    }
  }

  private func runScript(
    _ kind: BuildStep.Kind, _ section: DefinitionFile.Section.Kind, _ name: String,
    _ stage: DefinitionFile.Stage, _ files: TreeFiles, _ label: String
  ) throws {
    guard settings.obeys(name), let text = stage.text(of: section) else { return }
    try run(
      BuildStep(
        kind, name: "%\(name)\(label)", line: stage.line(of: section), script: text,
        words: stage.words(of: section), tree: files.tree, settings: settings.steps))
  }

  /// `%post`, and behind it what the apps install, in the same shell.
  private func runPost(
    _ stage: DefinitionFile.Stage, _ apps: AppFiles, _ files: TreeFiles, _ label: String
  ) throws {
    let text = stage.text(of: .post) ?? []
    let install = apps.installScript()
    guard settings.obeys("post"), !text.isEmpty || !install.isEmpty else { return }
    let line =
      stage.line(of: .post) ?? stage.sections.first { $0.kind.app != nil }?.line
    try run(
      BuildStep(
        .post, name: "%post\(label)", line: line, script: text + install, words: stage.words(of: .post),
        tree: files.tree, settings: settings.steps))
  }

  private func run(_ step: BuildStep) throws {
    try self.step(step.name) {
      let status = try runner.run(step) { [tell] in tell(.output($0)) }
      guard status != 0 else { return }
      let line = step.line.map { "line \($0): " } ?? ""
      let end = status > 128 ? "was ended by signal \(status - 128)" : "ended with exit code \(status)"
      throw ImageBuildError(.stepFailed, "\(line)\(step.name) \(end)")
    }
  }

  private func step(_ name: String, _ body: () throws -> Void) throws {
    tell(.began(name))
    let start = Self.now
    try body()
    tell(.ended(name, seconds: Self.now - start))
  }

  private static var now: Double {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
  }
}

/// The place of a build that the system refuses something.
public struct BuildPlaceError: Fault {
  /// What the system says.
  let systemError: SystemError
  private let place: FilePath

  init(_ error: SystemError, _ place: FilePath) {
    systemError = error
    self.place = place
  }

  /// As that of the system's error.
  public var identifier: String { systemError.identifier }
  /// As that of the system's error.
  public var kind: FaultKind { systemError.kind }
  /// What the system says, and where the build was.
  public var description: String { "\(systemError.description) (the build is in \(place.printable))" }
}
