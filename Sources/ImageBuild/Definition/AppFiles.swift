import Definition
import LinuxSystem
import StrictJSON

/// The files of the apps of a stage (spec/build.md "Apps").
struct AppFiles {
  private let stage: DefinitionFile.Stage
  private let files: TreeFiles

  init(_ stage: DefinitionFile.Stage, _ files: TreeFiles) {
    self.stage = stage
    self.files = files
  }

  /// Adds directories, variables, scripts and labels of every app.
  ///
  /// - Parameter copy: copies what `%appfiles` of an app names.
  func add(copying copy: (_ app: String) throws -> Void) throws {
    guard !stage.apps.isEmpty else { return }
    var exports: [UInt8] = []
    for app in stage.apps {
      guard Self.isName(app) else {
        throw ImageBuildError(
          .invalidArgument, "\"\(app.printable)\" cannot be the name of an app: it is a path")
      }
      try add(app)
      try copy(app)
      exports += try self.exports(of: app)
    }
    try files.write(".singularity.d/env/94-appsbase.sh", exports, mode: 0o755)
  }

  private static func isName(_ app: String) -> Bool {
    !app.isEmpty && app != "." && app != ".." && !app.utf8.contains(0x2F) && !app.utf8.contains(0)
  }

  private func add(_ app: String) throws {
    let (root, data) = ("scif/apps/\(app)", "scif/data/\(app)")
    for path in ["\(root)/bin", "\(root)/lib", "\(root)/scif/env", "\(data)/input", "\(data)/output"] {
      try files.makeDirectory(path)
    }
    try files.write("\(root)/scif/env/01-base.sh", Array(Self.variables(of: app).utf8), mode: 0o755)
    let parts: [(DefinitionFile.Section.Kind, String, Bool)] = [
      (.appRun(app), "runscript", true), (.appStart(app), "startscript", true), (.appTest(app), "test", true),
      (.appEnvironment(app), "env/90-environment.sh", false),
    ]
    for (kind, name, isScript) in parts {
      guard let text = stage.text(of: kind) else { continue }
      let script = isScript ? Array("#!/bin/sh\n\n".utf8) + text + [0x0A] : text
      try files.write("\(root)/scif/\(name)", script, mode: 0o755)
    }
    if let help = stage.text(of: .appHelp(app)) {
      try files.write("\(root)/scif/runscript.help", help, mode: 0o644)
    }
    var labels = BuildLabels()
    labels.set("SCIF_APP_NAME", app)
    for line in stage.lines(of: .appLabels(app)) {
      guard let label = DefinitionFile.Label(line) else { continue }
      labels.set(String(decoding: label.name, as: UTF8.self), String(decoding: label.value, as: UTF8.self))
    }
    try files.write("\(root)/scif/labels.json", labels.document, mode: 0o644)
  }

  private static func variables(of app: String) -> String {
    let (quoted, data) = (quoted("/scif/apps/\(app)"), quoted("/scif/data/\(app)"))
    return """
      #!/bin/sh

      SCIF_APPNAME=\(Self.quoted(app))
      SCIF_APPROOT=\(quoted)
      SCIF_APPMETA=\(quoted)/scif
      SCIF_DATA=/scif/data
      SCIF_APPDATA=\(data)
      SCIF_APPINPUT=\(data)/input
      SCIF_APPOUTPUT=\(data)/output
      export SCIF_APPNAME SCIF_APPROOT SCIF_APPMETA SCIF_DATA SCIF_APPDATA SCIF_APPINPUT SCIF_APPOUTPUT

      """
  }

  /// A word of a shell script: as it is if it is plain, otherwise between single quotes.
  static func quoted(_ text: String) -> String {
    let isPlain = text.utf8.allSatisfy { byte in
      (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || "_-./+:@%".utf8.contains(byte)
    }
    return isPlain
      ? text
      : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }

  /// The variables by which all apps know of one.
  private func exports(of app: String) throws -> [UInt8] {
    let name = String(
      decoding: app.utf8.map { byte in
        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) ? byte : 0x5F
      }, as: UTF8.self)
    let root = "/scif/apps/\(app)"
    var lines = [
      "SCIF_APPDATA_\(name)=\(Self.quoted("/scif/data/\(app)"))",
      "SCIF_APPMETA_\(name)=\(Self.quoted("\(root)/scif"))", "SCIF_APPROOT_\(name)=\(Self.quoted(root))",
      "SCIF_APPBIN_\(name)=\(Self.quoted("\(root)/bin"))",
      "SCIF_APPLIB_\(name)=\(Self.quoted("\(root)/lib"))",
    ]
    let files = [
      ("APPENV", "scif/env/90-environment.sh"), ("APPLABELS", "scif/labels.json"),
      ("APPRUN", "scif/runscript"), ("APPSTART", "scif/startscript"),
    ]
    for (variable, file) in files where try self.files.has("\(root)/\(file)") {
      lines.append("SCIF_\(variable)_\(name)=\(Self.quoted("\(root)/\(file)"))")
    }
    let names = lines.map { $0.prefix { $0 != "=" } }.joined(separator: " ")
    return Array((lines + ["export \(names)", ""]).joined(separator: "\n").utf8)
  }

  /// What the apps add to `%post`: for each its variables, its directory and its own script.
  func installScript() -> [UInt8] {
    stage.apps.flatMap { app -> [UInt8] in
      // Without a script of its own there is nothing to do.
      guard let text = stage.text(of: .appInstall(app)) else { return [] }
      let root = "/scif/apps/\(app)"
      let head = "\ncd /\n. \(Self.quoted("\(root)/scif/env/01-base.sh"))\ncd \(Self.quoted(root))\n"
      return Array(head.utf8) + text + Array("\ncd /\n".utf8)
    }
  }
}

extension DefinitionFile.Stage {
  /// The text of all sections of a kind; nil where there is none, or none that has a line.
  func text(of kind: DefinitionFile.Section.Kind) -> [UInt8]? {
    let lines = lines(of: kind)
    return lines.isEmpty ? nil : Array(lines.map { $0.bytes + [0x0A] }.joined())
  }

  /// The line of the first section of a kind.
  func line(of kind: DefinitionFile.Section.Kind) -> Int? { sections.first { $0.kind == kind }?.line }
}
