import ExecutionControl
public import SystemPackage

/// The default mounts that a container does not get.
public struct OmittedMounts: Sendable, Equatable {
  /// A kind of default mounts, by the runtimes' name.
  public enum Kind: String, Sendable, CaseIterable {
    case processes = "proc"
    case system = "sys"
    case devices = "dev"
    case terminals = "devpts"
    case home
    case temporary = "tmp"
    /// The host's other file systems, which no container gets.
    case hostFileSystems = "hostfs"
    case workingDirectory = "cwd"
    /// The site's binds, and those that every container has.
    case binds = "bind-paths"
  }

  /// The kinds.
  public var kinds: Set<Kind> = []
  /// The places of single binds of the site.
  public var places: Set<FilePath> = []

  /// Leaves nothing out.
  public init() {}

  /// Reads names and absolute paths, separated by commas.
  ///
  /// - Throws: ``RuntimeError/Code/invalidArgument`` for a word that is neither.
  public mutating func add(_ text: [UInt8]) throws(RuntimeError) {
    for part in text.split(separator: 0x2C) {
      let word = Array(part.drop { $0 == 0x20 }.reversed().drop { $0 == 0x20 }.reversed())
      guard !word.isEmpty else { continue }
      let name = String(decoding: word, as: UTF8.self)
      if let kind = Kind(rawValue: name) {
        kinds.insert(kind)
      } else if word.first == 0x2F {
        places.insert(FilePath(bytes: word).lexicallyNormalized())
      } else {
        let names = Kind.allCases.map(\.rawValue).joined(separator: ", ")
        throw RuntimeError(.invalidArgument, "\"\(name)\" is neither an absolute path nor one of \(names)")
      }
    }
  }

  /// Whether a bind of the site, or one that every container has, is left out.
  func leavesOut(_ place: FilePath) -> Bool {
    // The host's name servers are a directive of their own.
    places.contains(place) || kinds.contains(.binds) && place != "/etc/resolv.conf"
  }

  /// The site's settings without what is left out.
  func applied(to site: SiteSettings) -> SiteSettings {
    var site = site
    if kinds.contains(.processes) { site.showsProcesses = false }
    if kinds.contains(.system) { site.showsSystem = false }
    if kinds.contains(.home) { site.showsHome = false }
    if kinds.contains(.temporary) { site.showsTemporary = false }
    if kinds.contains(.binds) { site.binds = [] }
    return site
  }
}
