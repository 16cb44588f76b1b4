import Glibc
import LinuxSystem
import ShellScript
import SystemPackage

/// Chooses the file of the image that a command stands for (spec/runtime.md "The program").
struct ProgramChoice {
  private let options: ContainerOptions
  private let variables: ImageEnvironment
  private static let sh = "/bin/sh"
  /// The line by which runtimes know the runscript of an image from Docker.
  private static let dockerLine = Array(#"eval "set ${SINGULARITY_OCI_RUN}""#.utf8)

  init(_ options: ContainerOptions, _ variables: ImageEnvironment) {
    self.options = options
    self.variables = variables
  }

  private static func canExecute(_ path: String) -> Bool { ContainerFiles.allows(FilePath(path), X_OK) }
  private static func exists(_ path: String) -> Bool { ContainerFiles.allows(FilePath(path), F_OK) }

  /// The directory of an app's scripts.
  private static func place(of app: String) -> String { "/scif/apps/\(app)/scif" }

  /// The runscript: the app's, or the image's, or else what the arguments say.
  func runscript(_ rest: [[UInt8]]) throws(RuntimeError) -> [[UInt8]] {
    if let app = options.app {
      let path = "\(Self.place(of: app))/runscript"
      guard Self.exists(path) else {
        throw RuntimeError(.notFound, "the image has no app \(app) with a runscript: \(path) does not exist")
      }
      return [Array(path.utf8)] + rest
    }
    for path in ["/.singularity.d/runscript", "/singularity"] where Self.exists(path) {
      return try fromDocker(path, rest) ?? [Array(path.utf8)] + rest
    }
    guard rest.isEmpty else {
      options.onNote("the image has no runscript: its arguments are the program")
      return rest
    }
    guard Self.canExecute(Self.sh) else {
      throw RuntimeError(.notFound, "the image has no runscript and no shell: start a program with exec")
    }
    options.onNote("the image has no runscript: this is its shell")
    return [Array(Self.sh.utf8)]
  }

  /// The program that the runscript of an image from Docker starts; nil if it is another one, or can run.
  private func fromDocker(_ path: String, _ rest: [[UInt8]]) throws(RuntimeError) -> [[UInt8]]? {
    guard !Self.canExecute(Self.sh), let text = ContainerFiles.content(of: Array(path.utf8)),
      text.split(separator: 0x0A).contains(where: { $0.elementsEqual(Self.dockerLine) })
    else { return nil }
    let values = ScriptReader(files: ContainerFiles()).leadingAssignments(of: text)
    guard let start = variables.words(of: values["OCI_ENTRYPOINT"] ?? []),
      let end = variables.words(of: values["OCI_CMD"] ?? [])
    else { return nil }
    let program = start + (rest.isEmpty ? end : rest)
    guard let first = program.first, !first.isEmpty else {
      throw RuntimeError(.notFound, "the image names no program to run: name one behind the image")
    }
    return program
  }

  /// The test; nil if there is none.
  func test(_ rest: [[UInt8]]) -> [[UInt8]]? {
    let path = options.app.map { "\(Self.place(of: $0))/test" } ?? "/.singularity.d/test"
    guard Self.exists(path) else {
      options.onNote(options.app.map { "the app \($0) has no test" } ?? "the image has no test")
      return nil
    }
    return [Array(path.utf8)] + rest
  }

  /// The startscript; nil if there is none.
  func startscript(_ rest: [[UInt8]]) -> [[UInt8]]? {
    let path = options.app.map { "\(Self.place(of: $0))/startscript" } ?? "/.singularity.d/startscript"
    guard Self.exists(path) else {
      options.onNote(options.app.map { "the app \($0) has no startscript" } ?? "the image has no startscript")
      return nil
    }
    return [Array(path.utf8)] + rest
  }

  /// The shell: the one that was asked for, or else the image's.
  func shell(_ rest: [[UInt8]]) throws(RuntimeError) -> [[UInt8]] {
    if let chosen = options.shell { return [chosen.bytes] + rest }
    let shells: [String] = ["/bin/bash", Self.sh]
    guard let shell = shells.first(where: Self.canExecute) else {
      throw RuntimeError(.notFound, "the image has no shell, neither /bin/bash nor /bin/sh")
    }
    return [Array(shell.utf8)] + (shell == Self.sh ? [] : [Array("--norc".utf8)]) + rest
  }
}
