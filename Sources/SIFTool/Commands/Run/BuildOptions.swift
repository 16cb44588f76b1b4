import ArgumentParser
import CommandKit
import Definition
import Glibc
import ImageBuild
import LinuxSystem
import SIFRuntime
import SystemPackage

/// What a build makes of a definition file.
struct BuildSectionOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Obey only these sections of the definition file, separated by commas; none obeys no section.",
      valueName: "names"))
  var section: [String] = []
  @Flag(name: [.customShort("T"), .long], help: "Do not run %test.") var notest = false
  @Option(
    help: ArgumentHelp(
      "The value of a template {{ name }} (repeatable).",
      discussion: "Values are in the image, where everybody can read them: secrets belong into --secret.",
      valueName: "name=value"))
  var buildArg: [BytesArgument] = []
  @Option(help: ArgumentHelp("A file with values of templates, one name=value a line.", valueName: "file"))
  var buildArgFile: PathArgument?
  @Flag(help: "Warn about values that no template uses, in place of failing.") var warnUnusedBuildArgs = false

  /// The sections that are obeyed; nil for all.
  func sections() throws -> Set<String>? {
    let names = section.flatMap { $0.split(separator: ",").map(String.init) }
    guard !names.isEmpty, names != ["all"] else { return nil }
    let known: Set = [
      "pre", "setup", "post", "files", "environment", "test", "labels", "runscript", "startscript", "help",
      "none",
    ]
    for name in names where !known.contains(name) {
      throw ToolFailure.usage("--section: there is no section \"\(ArgumentBytes.printable(name))\"")
    }
    return Set(names).subtracting(["none"])
  }

  /// The values of templates.
  func values(_ reporter: Reporter) throws -> [String: [UInt8]] {
    var values: [String: [UInt8]] = [:]
    if let buildArgFile {
      let text = try RuntimeParts.read(buildArgFile.path)
      for line in DefinitionLine.lines(text) where !line.bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) {
        guard let (name, value) = DefinitionTemplate.assignment(line.bytes[...]) else {
          reporter.warn(
            "line \(line.number) of \(buildArgFile.path.printable) has no name=value, and is passed over")
          continue
        }
        values[name] = value
      }
    }
    for argument in buildArg {
      for part in argument.bytes.split(separator: 0x2C) {
        guard let (name, value) = DefinitionTemplate.assignment(part) else {
          throw ToolFailure.usage("--build-arg needs a name, an equals sign and a value")
        }
        values[name] = value
      }
    }
    for name in values.keys.sorted() where Self.looksSecret(name) {
      reporter.warn(
        "the value of \(name.printable) will be in the image, where everybody can read it: --secret keeps it out"
      )
    }
    return values
  }

  private static func looksSecret(_ name: String) -> Bool {
    let name = name.uppercased()
    return ["TOKEN", "PASSW", "SECRET", "APIKEY", "API_KEY", "PRIVATE_KEY", "CREDENTIAL"].contains {
      name.contains($0)
    }
  }
}

/// What the scripts of a build may use.
struct BuildStepOptions: ParsableArguments {
  @Option(
    name: [.customShort("B"), .long],
    help: ArgumentHelp(
      "Make files of the host visible to %post and %test (repeatable).",
      valueName: "source[:target[:options]]"))
  var bind: [BytesArgument] = []
  @Option(help: ArgumentHelp("The same in the form of --mount of `exec` (repeatable).", valueName: "spec"))
  var mount: [BytesArgument] = []
  @Flag(help: "Show NVIDIA's driver to %post and %test.") var nv = false
  @Flag(help: "Show AMD's driver to %post and %test.") var rocm = false
  @Flag(help: "Let %test write to files that vanish.") var writableTmpfs = false
  @Option(help: ArgumentHelp("The network of the scripts: host or none.", valueName: "name")) var network =
    "host"
  @Option(
    help: ArgumentHelp(
      "Show a file to %post alone, as /run/secrets/ID; nothing of it is in the image (repeatable).",
      valueName: "id=ID,src=FILE"))
  var secret: [String] = []
  @Flag(name: [.customShort("f"), .long], help: "Be root in the build, which is what happens in any case.")
  var fakeroot = false
  @Flag(help: "Be the only user in the build even if /etc/subuid gives you more.") var ignoreSubuid = false
  @Flag(help: "Open a shell in the tree if a script fails.") var shellOnFailure = false

  /// The settings, checked.
  func settings() throws -> StepSettings {
    var settings = StepSettings()
    settings.binds = bind.map { String(decoding: $0.bytes, as: UTF8.self) }
    settings.mounts = mount.map { String(decoding: $0.bytes, as: UTF8.self) }
    settings.showsNvidia = nv
    settings.showsRocm = rocm
    settings.hasWritableTest = writableTmpfs
    guard ["host", "none"].contains(network) else {
      throw ToolFailure.usage("--network of a build is host or none")
    }
    settings.hasNetwork = network == "host"
    settings.secrets = try secret.map(Self.secret)
    settings.opensShellOnFailure = shellOnFailure
    return settings
  }

  private static func secret(_ text: String) throws -> (id: String, path: FilePath) {
    var (id, source): (String?, String?) = (nil, nil)
    for part in text.split(separator: ",") {
      let words = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard words.count == 2 else { throw ToolFailure.usage("--secret needs id=ID,src=FILE") }
      switch words[0] {
      case "id": id = words[1]
      case "src", "source": source = words[1]
      default:
        throw ToolFailure.usage("--secret knows id and src, not \"\(ArgumentBytes.printable(words[0]))\"")
      }
    }
    guard let id, let source, !id.isEmpty, !source.isEmpty else {
      throw ToolFailure.usage("--secret needs id=ID,src=FILE")
    }
    guard !id.contains("/"), id != ".", id != ".." else {
      throw ToolFailure.usage("the id of --secret is the name of a file, without a slash")
    }
    let path = FilePath(bytes: Array(ArgumentBytes.decode(source).dropLast()))
    guard path.withPlatformString({ access($0, R_OK) }) == 0 else {
      throw ToolFailure(.system, code: "not-found", "--secret: \(path.printable) cannot be read")
    }
    return (id, try path.resolvingLinks())
  }
}

/// The form of what a build makes.
enum BuildFormat: String, ExpressibleByArgument, CaseIterable {
  case sif, sandbox, oci
}
