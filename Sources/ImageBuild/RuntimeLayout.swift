import Squash
import StrictJSON

/// Adds the files that container runtimes look for in a root file system (spec/runtime-layout.md).
struct RuntimeLayout {
  private let writer: SquashWriter
  private let time: Int64

  init(_ writer: SquashWriter, time: UInt32) {
    self.writer = writer
    self.time = Int64(time)
  }

  private func attributes(_ permissions: UInt16) -> FileAttributes {
    FileAttributes(permissions: permissions, modificationTime: time)
  }

  /// Adds the directories that runtimes mount over, and the scripts that start a program, if they are missing.
  func addSkeleton() throws(SquashError) {
    for path in ["dev", "proc", "sys", "root", "tmp", "var/tmp", "etc", "home"] {
      let bytes = Array(path.utf8)
      if try writer.has(bytes) { continue }
      try writer.add(
        directory: bytes, attributes(path.hasSuffix("tmp") ? 0o1777 : path == "root" ? 0o700 : 0o755))
    }
    for path in ["etc/hosts", "etc/resolv.conf"] where try !writer.has(Array(path.utf8)) {
      try writer.add(file: Array(path.utf8), [], attributes(0o644))
    }
    for path in [".singularity.d", ".singularity.d/actions", ".singularity.d/env", ".singularity.d/libs"] {
      if try !writer.has(Array(path.utf8)) { try writer.add(directory: Array(path.utf8), attributes(0o755)) }
    }
    for (path, text) in BaseFiles.scripts {
      try addIfMissing(".singularity.d/\(path)", path == "runscript" ? Self.runscript : text)
    }
    for (name, target) in BaseFiles.links { try addLinkIfMissing(name, target) }
  }

  /// As in the runtimes, for an image without a runscript: the arguments are the program.
  private static let runscript = """
    #!/bin/sh
    if [ $# -gt 0 ]; then
      exec "$@"
    fi
    exec /bin/sh

    """

  private func addIfMissing(_ path: String, _ text: String) throws(SquashError) {
    guard try !writer.has(Array(path.utf8)) else { return }
    try writer.add(file: Array(path.utf8), Array(text.utf8), attributes(0o755))
  }

  private func addLinkIfMissing(_ path: String, _ target: String) throws(SquashError) {
    guard try !writer.has(Array(path.utf8)) else { return }
    try writer.add(symlink: Array(path.utf8), target: Array(target.utf8), attributes(0o777))
  }

  /// Adds the script that `run` starts.
  func add(runscript bytes: [UInt8]) throws(SquashError) {
    try writer.add(file: Array(".singularity.d/runscript".utf8), bytes, attributes(0o755))
  }

  /// Adds the definition file, as text for people.
  func add(definition bytes: [UInt8]) throws(SquashError) {
    try writer.add(file: Array(".singularity.d/Singularity".utf8), bytes, attributes(0o644))
  }

  /// The script that ``add(environment:)`` writes.
  static let environmentPath = ".singularity.d/env/91-environment.sh"

  /// A script that sets variables; nil without any.
  static func script(of environment: [(name: String, value: [UInt8])]) -> [UInt8]? {
    guard !environment.isEmpty else { return nil }
    var script = Array("#!/bin/sh\n".utf8)
    for (name, value) in environment {
      // Between single quotes, only the quote itself is special.
      let quoted = value.flatMap { $0 == 0x27 ? Array("'\\''".utf8) : [$0] }
      script += Array("export \(name)='".utf8) + quoted + Array("'\n".utf8)
    }
    return script
  }

  /// Adds variables. The scripts of the image itself may also set them: these come later, and win.
  func add(environment: [(name: String, value: [UInt8])]) throws(SquashError) {
    guard let script = Self.script(of: environment) else { return }
    try writer.add(file: Array(Self.environmentPath.utf8), script, attributes(0o755))
  }

  /// Adds a script that sets variables, in place of one of the same name.
  func add(script: (name: String, text: [UInt8])) throws(SquashError) {
    try writer.add(file: Array(".singularity.d/env/\(script.name)".utf8), script.text, attributes(0o755))
  }

  /// Adds the labels.
  func add(labels: [UInt8]) throws(SquashError) {
    try writer.add(file: Array(".singularity.d/labels.json".utf8), labels, attributes(0o644))
  }
}
