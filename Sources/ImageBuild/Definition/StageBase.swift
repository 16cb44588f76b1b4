import Bytes
import Definition
import Glibc
import ImageTrust
import LinuxSystem
import OCI
import Partitions
import SIF
import Squash
import StrictJSON
import SystemPackage

/// Makes the tree that a stage begins with (spec/build.md "Agents").
struct StageBase {
  let stage: DefinitionFile.Stage
  let files: TreeFiles
  let settings: BuildSettings
  let runner: any StepRunner
  let fetcher: any BaseFetcher
  let tell: @Sendable (BuildEvent) -> Void

  /// Makes the tree, with the files that every image has.
  ///
  /// - Returns: the `oci-config.json` of the image that it came from; nil without one.
  func make() throws -> [UInt8]? {
    switch stage.agent {
    case "scratch":
      try BaseFiles.add(to: files, overwrites: true)
      try setRunscript()
    case "localimage":
      return try addImage(reference.path(try value("from")))
    case "docker-archive", "oci", "oci-archive":
      guard let location = try reference.location() else { break }
      return try addContainer(try OCIStore(location).image(platform: platform), digest: nil)
    case "docker", "docker-daemon", "oras", "library":
      switch try fetcher.fetch(try reference.request()) {
      case .container(let image, let digest): return try addContainer(image, digest: digest)
      case .image(let path): return try addImage(path)
      }
    case "busybox":
      try BusyboxBase(self).make()
      try setRunscript()
    default:
      try HostProgramBase(self).make()
      try setRunscript()
    }
    return nil
  }

  /// The platform of images that exist for several.
  private var platform: OCIPlatform? { settings.architecture.map { OCIPlatform(architecture: $0.name) } }

  private func setRunscript() throws {
    try files.write(".singularity.d/runscript", Array("#!/bin/sh\n".utf8), mode: 0o755)
  }

  private var reference: StageReference { StageReference(stage, settings) }

  /// A value of the header.
  func value(_ keyword: String) throws -> [UInt8] { try reference.value(keyword) }

  // MARK: Images of OCI and Docker

  private func addContainer(_ image: OCIImage, digest: String?) throws -> [UInt8]? {
    guard !image.manifest.layers.isEmpty else {
      throw ImageBuildError(.unsuitableImage, "the image has no layers, so there is nothing to build on")
    }
    let parts = try RuntimeParts(of: image, scheme: stage.agent, name: "", clock: settings.clock)
    try unpack(try image.mergedTree())
    let ownRunscript = try files.read(".singularity.d/runscript")
    try BaseFiles.add(to: files, overwrites: true)
    for (name, text) in parts.scripts where name.hasPrefix("10-") {
      try files.write(".singularity.d/env/\(name)", text, mode: 0o755)
    }
    // An image that was a SIF before has its own.
    let wasExported = image.config.entrypoint == [ImageExport.entrypoint] && ownRunscript != nil
    if let own = ownRunscript, wasExported {
      try files.write(".singularity.d/runscript", own, mode: 0o755)
    } else if let runscript = parts.runscript {
      try files.write(".singularity.d/runscript", runscript, mode: 0o755)
    }
    var labels = BuildLabels()
    for (name, value) in image.config.labels { labels.set(name, value) }
    if let digest { labels.set("org.opencontainers.image.base.digest", digest) }
    if stage.agent == "docker" {
      labels.set("org.opencontainers.image.base.name", try reference.request().reference)
    }
    try files.write(".singularity.d/labels.json", labels.document, mode: 0o644)
    return RuntimeParts.settings(of: image.config)
  }

  /// Extracts a squashfs into the tree. What the disk cannot hold is recorded.
  private func unpack(_ image: SquashImage) throws {
    let unapplied = Collected<UnappliedAttributes>()
    var options = ExtractionOptions()
    options.isPrivileged = true
    options.onUnapplied = { unapplied.append($0) }
    let report = try image.extract(
      into: try OwnedDescriptor(opening: files.tree.path, flags: O_RDONLY | O_DIRECTORY), options)
    if let fault = report.faults.first { throw fault }
    try files.tree.attributes.record(unapplied.all, beneath: files.root)
    if settings.fixesPermissions { try PermissionFix.apply(to: files.root) }
  }

  // MARK: Images in files

  private func addImage(_ path: FilePath) throws -> [UInt8]? {
    let file = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_NONBLOCK | O_NOCTTY)
    let status = try file.status()
    if status.st_mode & S_IFMT == S_IFDIR {
      let copy = TreeCopy(
        from: nil, to: files.tree.attributes,
        leavingOut: [try files.root.status()])
      try copy.copyContents(of: file, to: files.root)
      try BaseFiles.add(to: files, overwrites: false)
      return nil
    }
    let storage = try FileStorage(opening: path)
    if let whole = try Partition(squashfs: storage) {
      try unpack(try whole.unlock().squashfs())
      try BaseFiles.add(to: files, overwrites: false)
      return nil
    }
    do { try Partition.refuseBare(storage) } catch let fault as PartitionError {
      throw ImageBuildError(.unsuitableImage, "\(path.printable) \(fault.description)")
    }
    let image = try Image(reading: storage)
    try checkSigners(of: image, path)
    try checkArchitecture(of: image, path)
    if let blobs = try OCISIF(image) {
      let container = try OCIImage(try blobs.entry(), from: blobs)
      try unpack(try blobs.squashfs())
      try BaseFiles.add(to: files, overwrites: false)
      return RuntimeParts.settings(of: container.config)
    }
    let partition = try Partition(of: image)
    guard !partition.isEncrypted else {
      throw ImageBuildError(
        .unsuitableImage,
        "\(path.printable) is encrypted: decrypt it first, and build on the copy in the clear")
    }
    try partition.requireSquashfs()
    try unpack(try partition.unlock().squashfs())
    try BaseFiles.add(to: files, overwrites: false)
    return try image.document("oci-config.json")
  }

  /// The image must be signed by everybody whom the header names.
  private func checkSigners(of image: Image, _ path: FilePath) throws {
    guard let line = stage.header["fingerprints"] else { return }
    let signers = line.text.split(separator: ",").map { $0.filter { $0 != " " && $0 != "\t" } }
    var policy = VerificationPolicy()
    policy.requiredSigners = signers
    let report = try ImageVerification(try TrustedKeys.ofRuntimes(), policy: policy).report(on: image)
    guard report.verdict == .ok else {
      throw BaseSignatureError(path: path, verdict: report.verdict, line: line.line)
    }
  }

  private func checkArchitecture(of image: Image, _ path: FilePath) throws {
    guard case .partition(let partition) = image.primarySystemPartition?.metadata,
      partition.architecture != .unknown, let own = ArchitectureFinder.ofThisMachine,
      partition.architecture != own, settings.architecture != partition.architecture
    else { return }
    tell(
      .note(
        "\(path.printable) is for \(partition.architecture.name), and this machine is \(own.name): its programs run here only if the kernel knows how"
      ))
  }
}

/// A base that is not signed as the header wants it.
public struct BaseSignatureError: Fault {
  let path: FilePath
  let verdict: IntegrityVerdict
  let line: Int

  /// The verdict's word.
  public var identifier: String { verdict.rawValue }
  /// What the verdict means for the exit code.
  public var kind: FaultKind { verdict.faultKind ?? .other }
  /// Which image, and what is wrong with its signatures.
  public var description: String {
    "line \(line): \(path.printable) is not signed by everybody whom Fingerprints names (verdict: \(verdict.rawValue))"
  }
}

extension RuntimeParts {
  /// The order of the settings of an image in the runtimes' document.
  private static let settingOrder = [
    "AttachStderr", "AttachStdin", "AttachStdout", "Cmd", "Healthcheck", "Domainname", "Entrypoint", "Env",
    "Hostname",
    "Image", "Labels", "OnBuild", "OpenStdin", "StdinOnce", "Tty", "User", "Volumes", "WorkingDir",
    "ExposedPorts",
    "ArgsEscaped", "NetworkDisabled", "MacAddress", "StopSignal", "Shell",
  ]

  /// The settings of an image of OCI as a document; nil for none.
  static func settings(of config: OCIConfig) -> [UInt8]? {
    let members = config.settings.members ?? []
    guard !members.isEmpty else { return nil }
    let ordered =
      settingOrder.compactMap { name in members.first { $0.key == name } }
      + members.filter { !settingOrder.contains($0.key) }
    return RuntimeJSON.compact(.object(ordered))
  }
}

extension Image {
  /// The bytes of a JSON object by its name; nil if there is none, or if it is too long to be one.
  func document(_ name: String) throws -> [UInt8]? {
    guard
      let object = objects(ofType: .genericJSON).first(where: { $0.name.elementsEqual(name.utf8) }),
      object.size <= Int64(RuntimeParts.longest)
    else { return nil }
    return try bytes(of: object).prefix(Int(object.size))
  }
}
