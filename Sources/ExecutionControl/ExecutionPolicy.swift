import Glibc
import LinuxSystem
public import SystemPackage

/// The administrators' rules for the images that may be mounted and run (spec/runtime.md, "Execution control").
public struct ExecutionPolicy: Sendable {
  /// The two files of a runtime's policy, which are in one directory.
  public struct Place: Sendable {
    /// The directory.
    public let directory: FilePath
    /// The name of the configuration file with the limits.
    public let configuration: String

    /// Makes a place from a directory and the name of its configuration file.
    public init(_ directory: FilePath, configuration: String) {
      self.directory = directory
      self.configuration = configuration
    }

    /// The places of the runtimes' policies.
    public static let known = [
      Place("/etc/singularity", configuration: "singularity.conf"),
      Place("/etc/apptainer", configuration: "apptainer.conf"),
    ]
    /// The name of the execution control list.
    public static let list = "ecl.toml"
    /// The name of the key ring that signatures are validated with.
    public static let keyRing = "global-pgp-public"
  }

  /// The place where the policy was found.
  public let place: Place
  /// The limits.
  public let limits: ContainerLimits
  /// The execution control list.
  public let list: ExecutionControlList

  /// Makes a policy from parts that were read already.
  public init(_ place: Place, _ limits: ContainerLimits, _ list: ExecutionControlList) {
    self.place = place
    self.limits = limits
    self.list = list
  }

  /// Reads the policies that are configured. An image must satisfy each of them.
  ///
  /// - Throws: ``PolicyError`` if one of them is unusable.
  public static func configured(in places: [Place] = Place.known) throws(PolicyError) -> [ExecutionPolicy] {
    var policies: [ExecutionPolicy] = []
    for place in places {
      if let policy = try ExecutionPolicy(in: place) { policies.append(policy) }
    }
    return policies
  }

  private init?(in place: Place) throws(PolicyError) {
    guard let directory = try PolicyDirectory(opening: place.directory) else { return nil }
    let hasList = try directory.contains(Place.list)
    let hasConfiguration = try directory.contains(place.configuration)
    guard hasList || hasConfiguration else { return nil }
    try directory.requireTrust()
    self.place = place
    let configuration = try directory.read(place.configuration)
    let text = try directory.read(Place.list)
    do throws(PolicySyntaxError) {
      limits = try ContainerLimits(reading: configuration)
    } catch {
      throw .unusable(place.directory.appending(place.configuration).string, "is malformed (\(error))")
    }
    do throws(PolicySyntaxError) {
      list = try ExecutionControlList(reading: text)
    } catch {
      throw .unusable(place.directory.appending(Place.list).string, "is malformed (\(error))")
    }
  }

  /// The most bytes that a key ring may have.
  private static let maximumRingBytes = 64 << 20

  /// The bytes of the key ring that signatures are validated with.
  public func keyRing() throws(PolicyError) -> [UInt8] {
    guard let directory = try PolicyDirectory(opening: place.directory) else {
      throw .unusable(place.directory.string, "is gone")
    }
    try directory.requireTrust()
    return try directory.read(Place.keyRing, limit: Self.maximumRingBytes)
  }

  // MARK: Deciding

  /// Decides about an image by its kind and place.
  ///
  /// - Parameter resolve: resolves a path; nil if the path leads nowhere.
  /// - Returns: the rule for the image's signatures; nil if they do not matter.
  /// - Throws: ``PolicyError`` if the image is denied.
  public func check(
    _ image: ImageFacts, resolve: (FilePath) -> FilePath? = { ExecutionPolicy.resolve($0) }
  ) throws(PolicyError) -> SignatureRule? {
    try checkLimits(image, resolve: resolve)
    return try rule(for: image, resolve)
  }

  /// Decides about a layer that is laid over an image: by the limits alone.
  ///
  /// - Throws: ``PolicyError`` if the layer is denied.
  public func checkLimits(
    _ image: ImageFacts, resolve: (FilePath) -> FilePath? = { ExecutionPolicy.resolve($0) }
  ) throws(PolicyError) {
    try checkPaths(image, resolve)
    try check(image, "limit container groups", limits.groups, "group \(image.group)") { name in
      getgrnam(name).map { $0.pointee.gr_gid } == image.group
    }
    try check(image, "limit container owners", limits.owners, "user \(image.owner)") { name in
      getpwnam(name).map { $0.pointee.pw_uid } == image.owner
    }
    try checkKind(image)
  }

  /// Resolves the links of a path, by the kernel's name of the open directory or file; nil if the path leads nowhere.
  public static func resolve(_ path: FilePath) -> FilePath? {
    guard let descriptor = try? OwnedDescriptor.naming(path) else { return nil }
    return try? descriptor.currentPath()
  }

  private func denied(_ image: ImageFacts, by file: String, _ reason: String) -> PolicyError {
    PolicyError(.denied, "\(place.directory.appending(file)) denies \(image.name): \(reason)")
  }

  private func check(
    _ image: ImageFacts, _ directive: String, _ names: [String], _ owner: String,
    _ isMeant: (String) -> Bool
  ) throws(PolicyError) {
    guard names.isEmpty || names.contains(where: isMeant) else {
      throw denied(
        image, by: place.configuration, "it belongs to \(owner), which is not in \"\(directive)\"")
    }
  }

  private func checkPaths(
    _ image: ImageFacts, _ resolve: (FilePath) -> FilePath?
  ) throws(PolicyError) {
    if limits.paths.isEmpty { return }
    let rule = "\"limit container paths\""
    guard let path = image.path else {
      throw denied(
        image, by: place.configuration, "\(rule) needs its path, which is unknown: \(image.pathFault)")
    }
    guard limits.paths.contains(where: { resolve($0).map { path.starts(with: $0) } ?? false }) else {
      throw denied(image, by: place.configuration, "it is \(path), which is not beneath any of \(rule)")
    }
  }

  private func checkKind(_ image: ImageFacts) throws(PolicyError) {
    // Check encrypted squashfs by both rules, so that encryption does not bypass the one for squashfs.
    let kinds: [ImageKind] = image.kind == .encrypted ? [.encrypted, .squashfs] : [image.kind]
    for kind in kinds where limits.forbidden.contains(kind) {
      let what =
        switch image.kind {
        case .sif: "a SIF image that is not encrypted"
        case .encrypted: kind == .squashfs ? "an encrypted squashfs" : "an encrypted SIF image"
        case .squashfs: "a squashfs without a SIF image"
        case .extfs: "an ext file system"
        case .directory: "a directory"
        }
      throw denied(image, by: place.configuration, "it is \(what), and \"\(kind.directive) = no\"")
    }
  }

  /// Finds the execution group of an image.
  private func rule(
    for image: ImageFacts, _ resolve: (FilePath) -> FilePath?
  ) throws(PolicyError) -> SignatureRule? {
    guard list.isActivated else { return nil }
    for directory in list.groups.compactMap(\.directory) where resolve(directory) != directory {
      throw .unusable(
        place.directory.appending(Place.list).string,
        "names as \"dirpath\" \(directory), which does not exist or contains symbolic links")
    }
    guard image.kind == .sif || image.kind == .encrypted else {
      throw denied(image, by: Place.list, "it is not a SIF image, so it is not signed")
    }
    guard let path = image.path else {
      throw denied(
        image, by: Place.list, "the list needs the image's path, which is unknown: \(image.pathFault)")
    }
    guard let group = list.group(of: path.removingLastComponent()) else {
      throw denied(
        image, by: Place.list, "no execution group has the \"dirpath\" \(path.removingLastComponent())")
    }
    return SignatureRule(
      image: image.name, file: place.directory.appending(Place.list), group: group, isLegacy: list.isLegacy)
  }
}

/// An execution group's rule for an image's signatures.
public struct SignatureRule: Sendable {
  /// The image's name in messages.
  public let image: FilePath
  /// The file of the execution control list.
  public let file: FilePath
  /// The group.
  public let group: ExecutionControlList.Group
  /// Whether only the signatures of old runtimes count, which only cover the partition that is mounted.
  public let isLegacy: Bool

  /// Decides by the signers.
  ///
  /// - Parameters:
  ///   - validated: the fingerprints, in upper case, of primary keys that each have validly signed everything
  ///     that must be signed.
  ///   - claimed: all fingerprints that any signature of the image names, even an invalid one.
  /// - Throws: ``PolicyError`` if the image is denied.
  public func check(validated: Set<String>, claimed: Set<String>) throws(PolicyError) {
    let listed = Set(group.fingerprints)
    switch group.mode {
    case .whitelist:
      if listed.isDisjoint(with: validated) { throw denied("none of its keys has validly signed the image") }
    case .whitestrict:
      // Without this, an empty list would be satisfied by an image without signatures.
      if listed.isEmpty { throw denied("it lists no key") }
      if let missing = group.fingerprints.first(where: { !validated.contains($0) }) {
        throw denied("its key \(missing) has not validly signed the image")
      }
    case .blacklist:
      if let bad = group.fingerprints.first(where: { validated.contains($0) || claimed.contains($0) }) {
        throw denied("its key \(bad) has signed the image")
      }
      if validated.isEmpty { throw denied("nobody has validly signed the image") }
    }
  }

  /// Makes a refusal by the group.
  public func denied(_ reason: String) -> PolicyError {
    PolicyError(.signers, "\(file) denies \(image): \(group.name): \(reason)")
  }
}
