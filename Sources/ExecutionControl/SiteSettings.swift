public import SystemPackage

/// What the administrators' configuration file, `singularity.conf` or `apptainer.conf`, says about the things that every
/// container gets (spec/runtime.md, "The site's settings").
public struct SiteSettings: Equatable, Sendable {
  /// The kinds of a container's `/dev`.
  public enum Devices: String, Sendable, CaseIterable {
    /// That of the host.
    case host = "yes"
    /// The devices that every program needs, and no others.
    case minimal
    /// None.
    case none = "no"
  }

  /// The capabilities that root keeps in a container, unless an option says otherwise.
  public enum RootCapabilities: String, Sendable, CaseIterable {
    /// None.
    case empty = "no"
    /// Those that `capability.json` grants to root.
    case granted = "file"
    /// All that root has.
    case full
  }

  /// Whether a container may have message queues and shared memory of its own.
  public var allowsMessages = true
  /// Whether a container may have processes of its own.
  public var allowsProcesses = true
  /// Whether a container may have a host name of its own.
  public var allowsHostName = true
  /// Whether a container may have users of its own.
  public var allowsUsers = true
  /// Whether the user gets an entry in `/etc/passwd`.
  public var writesPasswd = true
  /// Whether the user's groups get entries in `/etc/group`.
  public var writesGroup = true
  /// Whether the container has the host's `/etc/resolv.conf`.
  public var showsNameServers = true
  /// Whether the container has `/proc`.
  public var showsProcesses = true
  /// Whether the container has `/sys`.
  public var showsSystem = true
  /// The container's `/dev`.
  public var devices = Devices.host
  /// Whether the container has the user's home.
  public var showsHome = true
  /// Whether the container has `/tmp` and `/var/tmp`.
  public var showsTemporary = true
  /// The most MiB of a directory in memory; nil for the kernel's own limit.
  public var memoryMiB: Int?
  /// The binds of every container, as `source[:target]`.
  public var binds: [String] = []
  /// Whether users may choose binds, homes, working directories and overlays.
  public var allowsUserBinds = true
  /// Whether every container gets NVIDIA's driver.
  public var alwaysUsesNVIDIA = false
  /// Whether every container gets AMD's driver.
  public var alwaysUsesAMD = false

  /// The capabilities of root; nil if the file does not say it.
  public var rootCapabilities: RootCapabilities?

  /// Makes settings as if there were no file.
  public init() {}

  /// What this project does with a directive.
  public enum Effect: Equatable, Sendable {
    /// It does what it says.
    case honoured
    /// It limits the images that may be run (``ContainerLimits``).
    case limits
    /// It has no effect here; the sentence says why.
    case none(String)
    /// It is unknown.
    case unknown
  }

  /// Reads a configuration file. Directives without an effect here are passed over.
  ///
  /// - Throws: ``PolicySyntaxError`` with the line of a value that a directive cannot have.
  public init(reading bytes: [UInt8]) throws(PolicySyntaxError) {
    var seen: Set<String> = []
    _ = try ConfigurationDirective.forEach(in: bytes) { (directive) throws(PolicySyntaxError) in
      // The first line of a directive counts, as in the runtimes; lists grow.
      guard directive.name == "bind path" || seen.insert(directive.name).inserted else { return }
      try take(directive)
    }
  }

  /// Reads the settings that are configured. Where there are two files, what one of them forbids is forbidden, and
  /// what one of them adds is added.
  ///
  /// - Throws: ``PolicyError`` if a file cannot be read, others than root can write it, or it is malformed.
  public static func configured(
    in places: [ExecutionPolicy.Place] = ExecutionPolicy.Place.known
  ) throws(PolicyError) -> SiteSettings {
    var all = SiteSettings()
    for place in places {
      guard let bytes = try file(in: place) else { continue }
      do throws(PolicySyntaxError) { all.add(try SiteSettings(reading: bytes)) } catch {
        throw .unusable(place.directory.appending(place.configuration).string, "is malformed (\(error))")
      }
    }
    return all
  }

  /// The bytes of a place's configuration file; nil if there is none.
  private static func file(in place: ExecutionPolicy.Place) throws(PolicyError) -> [UInt8]? {
    guard let directory = try PolicyDirectory(opening: place.directory),
      try directory.contains(place.configuration)
    else { return nil }
    try directory.requireTrust()
    return try directory.read(place.configuration)
  }

  /// The directives of the configuration files, in order, with what they do here.
  public static func account(
    in places: [ExecutionPolicy.Place] = ExecutionPolicy.Place.known
  ) throws(PolicyError) -> [(file: FilePath, directive: String, value: String, effect: Effect)] {
    var lines: [(FilePath, String, String, Effect)] = []
    for place in places {
      guard let bytes = try file(in: place) else { continue }
      let path = place.directory.appending(place.configuration)
      do throws(PolicySyntaxError) {
        _ = try SiteSettings(reading: bytes)
        _ = try ConfigurationDirective.forEach(in: bytes) { (directive) throws(PolicySyntaxError) in
          lines.append((path, directive.name, directive.value, effect(of: directive.name)))
        }
      } catch {
        throw .unusable(path.string, "is malformed (\(error))")
      }
    }
    return lines
  }

  private mutating func add(_ other: SiteSettings) {
    allowsMessages = allowsMessages && other.allowsMessages
    allowsProcesses = allowsProcesses && other.allowsProcesses
    allowsHostName = allowsHostName && other.allowsHostName
    allowsUsers = allowsUsers && other.allowsUsers
    writesPasswd = writesPasswd && other.writesPasswd
    writesGroup = writesGroup && other.writesGroup
    showsNameServers = showsNameServers && other.showsNameServers
    showsProcesses = showsProcesses && other.showsProcesses
    showsSystem = showsSystem && other.showsSystem
    if devices == .host || other.devices == .none { devices = other.devices }
    showsHome = showsHome && other.showsHome
    showsTemporary = showsTemporary && other.showsTemporary
    memoryMiB = [memoryMiB, other.memoryMiB].compactMap { $0 }.min()
    binds += other.binds.filter { !binds.contains($0) }
    allowsUserBinds = allowsUserBinds && other.allowsUserBinds
    alwaysUsesNVIDIA = alwaysUsesNVIDIA || other.alwaysUsesNVIDIA
    alwaysUsesAMD = alwaysUsesAMD || other.alwaysUsesAMD
    // The fewest of those that a file names.
    rootCapabilities = RootCapabilities.allCases.first {
      [rootCapabilities, other.rootCapabilities].contains($0)
    }
  }

  // MARK: Directives

  /// The directives whose values are `yes` or `no`.
  private static var switches: [String: WritableKeyPath<SiteSettings, Bool>] {
    [
      "allow ipc ns": \.allowsMessages, "allow pid ns": \.allowsProcesses, "allow uts ns": \.allowsHostName,
      "allow user ns": \.allowsUsers, "config passwd": \.writesPasswd, "config group": \.writesGroup,
      "config resolv_conf": \.showsNameServers, "mount proc": \.showsProcesses, "mount sys": \.showsSystem,
      "mount home": \.showsHome, "mount tmp": \.showsTemporary,
      "user bind control": \.allowsUserBinds, "always use nv": \.alwaysUsesNVIDIA,
      "always use rocm": \.alwaysUsesAMD,
    ]
  }

  private mutating func take(_ directive: ConfigurationDirective) throws(PolicySyntaxError) {
    if directive.value.isEmpty { return }
    switch directive.name {
    case "mount dev": devices = try directive.choice()
    case "root default capabilities": rootCapabilities = try directive.choice() as RootCapabilities
    case "sessiondir max size":
      guard let number = Int(directive.value), number > 0, number < 1 << 40 else {
        throw PolicySyntaxError("\"\(directive.name)\" is a number of MiB, not \"\(directive.value)\"")
      }
      memoryMiB = number
    case "bind path": binds += try directive.list()
    case let name:
      guard let path = Self.switches[name], let answer = try directive.answer() else { return }
      self[keyPath: path] = answer
    }
  }

  /// What a directive does here.
  public static func effect(of name: String) -> Effect {
    if switches[name] != nil { return .honoured }
    if let reason = withoutEffect[name] { return .none(reason) }
    switch name {
    case "mount dev", "sessiondir max size", "bind path", "root default capabilities": return .honoured
    case let name where name.hasPrefix("limit container") || name.hasPrefix("allow container"): return .limits
    default: return .unknown
    }
  }

  private static var withoutEffect: [String: String] {
    let setUser = "no part of this runtime has the set-user-id bit"
    let loop = "loop devices are used only for encrypted volumes that root mounts"
    let programs = "this runtime needs no such program"
    let cni = "networks of the Container Network Interface are not set up here"
    return [
      "allow setuid": setUser, "allow setuid-mount encrypted": setUser,
      "allow setuid-mount squashfs": setUser,
      "allow setuid-mount extfs": setUser, "allow kernel squashfs": setUser, "allow kernel extfs": setUser,
      "max loop devices": loop, "shared loop devices": loop,
      "sync writable extfs": "ext file systems are not mounted by the kernel",
      "mount hostfs": "a container has those file systems of the host that \"bind path\" names",
      "mount slave":
        "a container always sees what the host mounts later, and the host nothing of a container's mounts",
      "mount devpts": "a /dev of the container's own always has terminals",
      "use nvidia-container-cli": "NVIDIA's driver is set up without that program",
      "enable overlay": "an overlay lies over an image only if an option or the image asks for it",
      "enable underlay": "places that an image lacks are made by the way that the kernel has",
      "oci mode": "images are always run natively",
      "tmp sandbox": "images are unpacked only when they cannot be mounted",
      "memory fs type": "directories in memory are always of type tmpfs, which can be limited",
      "enable fusemount": "there is no option to start FUSE programs",
      "allow net users": cni, "allow net groups": cni, "allow net networks": cni,
      "cni configuration path": cni,
      "cni plugin path": cni,
      "allow netns paths": "a user can only join network namespaces that are the user's own",
      "cryptsetup path": programs, "go path": programs, "mksquashfs path": programs,
      "unsquashfs path": programs,
      "ldconfig path": "the first ldconfig in PATH, /sbin and /usr/sbin is used",
      "nvidia-container-cli path": "the program is found in PATH",
      "binary path": "programs are found in PATH", "root search path": "programs are found in PATH",
      "user search path": "programs are found in PATH",
      "mksquashfs procs": "options of the commands say how many threads are used",
      "mksquashfs mem": "the memory for compression is bounded by itself",
      "image driver": "plugins are not loaded",
      "download concurrency": "options of the commands say it",
      "download part size": "options of the commands say it",
      "download buffer size": "buffers are bounded by themselves",
      "systemd cgroups": "control groups are made directly, below the caller's own",
      "sif fuse": "the runtimes ignore it as well",
      "apptheus socket path": "nothing is reported to a monitor",
      "allow monitoring": "nothing is reported to a monitor",
    ]
  }
}

extension ConfigurationDirective {
  /// One of several words.
  fileprivate func choice<Choice: RawRepresentable & CaseIterable>() throws(PolicySyntaxError) -> Choice
  where Choice.RawValue == String {
    guard let choice = Choice(rawValue: value) else {
      let words = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw PolicySyntaxError("\"\(name)\" is one of \(words), not \"\(value)\"")
    }
    return choice
  }
}
