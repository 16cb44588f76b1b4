import ArgumentParser
import CommandKit
import SIFRuntime
import SystemPackage

/// Options of the runtimes that set several others, change a default a little, or ask for what is the default here.
struct CompatibilityOptions: SeparateGroup {
  @Flag(
    help: "Separate more, as Docker does: the same as --containall --writable-tmpfs --no-umask --no-eval.")
  var compat = false
  @Flag(help: "Use the processes of the host, although --containall or --compat asks for separate ones.")
  var noPid = false
  @Flag(help: "Give the program the umask 0022 instead of yours.") var noUmask = false
  @Flag(help: "The same as --unsquash.") var tmpSandbox = false
  @Flag(help: "Do not unpack an image that cannot be mounted.") var noTmpSandbox = false
  @Option(
    help: ArgumentHelp("Unpack images into this directory instead of TMPDIR.", valueName: "dir"))
  var tmpdir: BytesArgument?
  @Option(
    help: ArgumentHelp(
      "End a script of the image that sets variables after this time, for example 30s. Default: 1m.",
      valueName: "time"))
  var runscriptTimeout: TimeArgument?
  @Flag(help: .hidden) var oomKillDisable = false
  // These ask for what is the default here.
  /// The container's first process only reaps orphans and passes signals on.
  @Flag(help: .hidden) var noInit = false
  /// There is no other way to run than the one that it asks for.
  @Flag(help: .hidden) var noCompat = false
  @Flag(help: .hidden) var noOci = false
  /// A passphrase is asked for if an image needs one.
  @Flag(help: .hidden) var passphrase = false
  /// Ignored by the runtimes, too.
  @Flag(help: .hidden) var sifFuse = false
  /// Nothing is kept.
  @Flag(help: .hidden) var disableCache = false
  /// With `--fakeroot`, too, the program keeps the caller's groups.
  @Flag(help: .hidden) var noSetgroups = false

  func validate() throws {
    guard !oomKillDisable else {
      throw ValidationError(
        "--oom-kill-disable needs control groups of version 1, and containers get one of version 2")
    }
    guard !tmpSandbox || !noTmpSandbox else {
      throw ValidationError("--tmp-sandbox and --no-tmp-sandbox exclude each other")
    }
    if let path = tmpdir?.given, path.first != UInt8(ascii: "/") {
      throw ValidationError("--tmpdir takes an absolute path")
    }
  }

  /// Changes what the other options have set.
  func change(_ request: inout RootRequest) {
    request.writesElseToMemory = compat
  }

  /// Changes what the other options have set.
  func change(_ options: inout ContainerOptions) {
    if compat {
      options.isContained = true
      options.cleansEnvironment = true
      options.namespaces.formUnion([.process, .messages])
      options.evaluatesVariables = false
    }
    if noPid { options.namespaces.remove(.process) }
    options.usesDefaultMask = compat || noUmask
    if tmpSandbox { options.unpacks = true }
    options.neverUnpacks = noTmpSandbox
    options.temporaryDirectory = tmpdir?.given.map { FilePath(bytes: $0) }
    if let runscriptTimeout { options.scriptPatience = runscriptTimeout.patience }
  }

  static func has(_ property: String) -> Bool { CodingKeys(stringValue: property) != nil }
}

/// A time, such as `1m30s`.
struct TimeArgument: ExpressibleByArgument {
  let patience: ScriptPatience

  init?(argument: String) {
    guard let patience = ScriptPatience(argument) else { return nil }
    self.patience = patience
  }
}
