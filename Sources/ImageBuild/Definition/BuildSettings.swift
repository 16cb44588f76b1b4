public import SIF
public import SystemPackage

/// How an image is built.
public struct BuildSettings: Sendable {
  /// The sections that are obeyed, by their names without the percent sign; nil for all.
  public var sections: Set<String>?
  /// Whether `%test` runs.
  public var runsTest = true
  /// Whether `%labels` and `%help` replace those of the base.
  public var overwritesLabels = false
  /// Whether the owner may read and write everything afterwards, whatever the base says.
  public var fixesPermissions = false
  /// The architecture of images that exist for several, and of the result; nil for this machine's.
  public var architecture: Architecture?
  /// The times and the id.
  public var clock = EditClock.automatic
  /// What the steps may use.
  public var steps = StepSettings()
  /// What relative paths of the definition file begin at.
  public var directory: FilePath = "/"
  /// A directory for everything that is only needed meanwhile. It exists, and is this user's alone.
  public var temporary: FilePath = "/tmp"
  /// The program that builds, and its version, for a label.
  public var program = (name: "swift-sif", version: "0")

  /// The defaults.
  public init() {}

  /// Whether a section is obeyed.
  func obeys(_ section: String) -> Bool { sections?.contains(section) ?? true }
}

/// What a build tells while it goes on.
public enum BuildEvent: Sendable {
  /// A step begins.
  case began(String)
  /// A step wrote something.
  case output([UInt8])
  /// A step has ended, after so many seconds.
  case ended(String, seconds: Double)
  /// Something that the user may want to know.
  case note(String)
}

/// What a build has made.
public struct BuiltTree: Sendable {
  /// The tree.
  public let tree: BuildTree
  /// What the SIF has besides the tree.
  public let parts: RuntimeParts
}
