public import Squash
public import SystemPackage

/// A root file system that is being built: a directory, and what that cannot hold.
public struct BuildTree: Sendable {
  /// The directory. Its path is absolute.
  public let path: FilePath
  /// What files have in the image and the disk cannot hold.
  public let attributes: TreeAttributes

  /// A tree in a directory.
  public init(path: FilePath, attributes: TreeAttributes = TreeAttributes()) {
    self.path = path
    self.attributes = attributes
  }
}

/// One script or program of a build.
public struct BuildStep: Sendable {
  /// Where it runs.
  public enum Kind: Sendable, Equatable {
    /// `%pre` and `%setup`: on the host, with the caller's directory and variables.
    case host
    /// `%post` with the apps' `%appinstall`: in the tree, which it may change, as root.
    case post
    /// `%test`: in the tree, which it cannot change. `/.singularity.d/test` is the program, and ``script`` is empty.
    case test
    /// A program of the host that makes the tree, such as debootstrap: with the host's root, and with chown and mknod
    /// recorded. ``words`` are the program and its arguments, and ``script`` is empty.
    case hostProgram
    /// A program of the tree, in it, as in `%post`: ``words`` are the program and its arguments, and ``script`` is empty.
    case program
  }

  /// Where it runs.
  public var kind: Kind
  /// Its name for people and logs, such as `%post`.
  public var name: String
  /// The line of the definition file where it begins; nil without one.
  public var line: Int?
  /// The script's bytes.
  public var script: [UInt8]
  /// Words of the section's head, without a comment: `/bin/sh -ex WORDS SCRIPT` runs the script; with `-c` in front of
  /// others, `/bin/sh -ex -c "OTHERS SCRIPT"`. For programs, the program and its arguments.
  public var words: [[UInt8]]
  /// The tree.
  public var tree: BuildTree
  /// What it may use.
  public var settings: StepSettings

  /// A step.
  public init(
    _ kind: Kind, name: String, line: Int? = nil, script: [UInt8] = [], words: [[UInt8]] = [],
    tree: BuildTree, settings: StepSettings
  ) {
    self.kind = kind
    self.name = name
    self.line = line
    self.script = script
    self.words = words
    self.tree = tree
    self.settings = settings
  }
}

/// What the steps of a build may use, as the command line says it.
public struct StepSettings: Sendable {
  /// Binds, as in `--bind`.
  public var binds: [String] = []
  /// Binds, as in `--mount`.
  public var mounts: [String] = []
  /// Whether the driver of NVIDIA is shown.
  public var showsNvidia = false
  /// Whether the driver of AMD is shown.
  public var showsRocm = false
  /// Whether `%test` may write, to files that vanish.
  public var hasWritableTest = false
  /// Whether the steps have the host's network; otherwise they have none.
  public var hasNetwork = true
  /// Files that `%post` alone sees, as `/run/secrets/ID`.
  public var secrets: [(id: String, path: FilePath)] = []
  /// Whether a shell opens in the tree where a step failed.
  public var opensShellOnFailure = false

  /// The defaults: the host's network, and nothing else.
  public init() {}
}

/// Runs the steps of builds.
public protocol StepRunner: AnyObject {
  /// Runs a step to its end.
  ///
  /// - Parameter output: receives what it writes to standard output and to standard error, never from two threads at once.
  /// - Returns: the exit code; 128 and the signal's number where a signal ended it.
  func run(_ step: BuildStep, output: @escaping @Sendable ([UInt8]) -> Void) throws -> Int32
}

/// Fetches what a stage begins with, where that is not on this machine.
public protocol BaseFetcher: AnyObject {
  /// Fetches the image that a header names, for the agents docker, oras, library and docker-daemon.
  func fetch(_ request: BaseRequest) throws -> FetchedBase
  /// What tells whether the same would be fetched again, such as a digest; nil if nothing does.
  func identity(of request: BaseRequest) throws -> String?
  /// Downloads a file, such as the program of the agent busybox.
  func download(_ address: String, to path: FilePath) throws
}

/// What the header of a stage asks for.
public struct BaseRequest: Sendable {
  /// The agent, in lower case.
  public let agent: String
  /// What `From:` names, with registry and namespace before it.
  public let reference: String
  /// The library's address, where the header has one.
  public let library: String?
}
