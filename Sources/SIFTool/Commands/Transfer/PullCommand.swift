import ArgumentParser
import Bytes
import CommandKit
import Glibc
import ImageBuild
import ImageFetch
import LinuxSystem
import OCI
import SIF
import Squash
import StrictJSON
import SystemPackage

struct PullCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "pull", abstract: "Fetch an image, or make one of an image in OCI's or Docker's form.",
    discussion: """
      oras://, library://, https:// and http:// name SIF images. What has come of an interrupted download is kept in a file that \
      ends in .part, and the next pull goes on there.

      docker:// names an image in a registry, and oci:DIR[:ref], oci-archive:FILE[:ref], docker-archive:FILE[:ref] and \
      dir:DIR one in files. Its layers are read once each and written straight into the new image. Owners, modes, devices \
      and extended attributes stay as they are. With SOURCE_DATE_EPOCH or --deterministic, the same source gives the same \
      bytes.

      A file gets its name when it is complete and every digest is right.

      siftool pull app.sif oci-archive:app.tar:v1
      siftool pull docker://alpine:3.20
      """)

  @Argument(
    help: ArgumentHelp("The new image, if it shall have another name than the source's.", valueName: "image"))
  var first: PullArgument
  @Argument(help: ArgumentHelp("The source.", valueName: "source")) var second: PullArgument?
  @Option(help: ArgumentHelp("The new image.", valueName: "image")) var name: OutputArgument?
  @Option(
    help: ArgumentHelp(
      "The directory of the new image. SINGULARITY_PULLDIR and APPTAINER_PULLDIR stand for this option.",
      valueName: "directory"))
  var dir: DirectoryArgument?
  @Flag(name: [.customShort("F"), .long], help: "Replace an existing image.") var force = false
  @Flag(help: "Make an OCI-SIF: an image that keeps OCI's documents, with one layer for all.") var oci = false
  @Flag(help: "Keep each layer of an OCI-SIF one of its own.") var keepLayers = false
  @OptionGroup(title: "Servers") var fetch: FetchOptions
  @OptionGroup(title: "Squashfs") var compression: CompressionOptions
  @OptionGroup(title: "Encryption") var encryption: PackEncryptionOptions
  @OptionGroup(title: "Times and id") var write: WriteOptions
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  /// A finished image is taken as it is.
  var idleOptions: [IdleOptions] {
    var others = encryption.idleOptions + compression.idleOptions + libraryOptions
    if oci {
      others.append(IdleOptions("encrypt", reason: "does not apply to an OCI-SIF"))
      others.append(IdleOptions("deterministic", reason: "is needless: an OCI-SIF has no times"))
    } else {
      others.append(IdleOptions("keep-layers", reason: "needs --oci"))
    }
    guard case .address(let address)? = try? source(), !address.isContainer else { return others }
    return [
      IdleOptions(
        [
          "compression", "level", "block-size", "threads", "all-root", "no-xattrs", "encrypt",
          "deterministic", "oci", "keep-layers",
        ], reason: "does nothing to a SIF image, which is fetched as it is")
    ] + others
  }

  /// The library is named by an option or by the address.
  private var libraryOptions: [IdleOptions] {
    guard case .address(.library(let reference))? = try? source() else {
      return [IdleOptions("library", reason: "is for library:// addresses")]
    }
    return reference.host == nil ? [] : [IdleOptions("library", reason: "excludes a host in the address")]
  }

  /// What is pulled.
  private enum Source {
    case files(OCILocation)
    case address(ImageAddress)
  }

  private func source() throws -> Source {
    let argument = second ?? first
    if let location = try OCILocation(argument.bytes) { return .files(location) }
    if let text = String(validating: argument.bytes, as: UTF8.self), let address = try ImageAddress(text) {
      return .address(address)
    }
    throw ToolFailure.usage(
      "\"\(argument.bytes.printable)\" is not a source: docker://, oras://, library:// or https:// and an address, or oci:, oci-archive:, docker-archive: or dir: and a path"
    )
  }

  func execute(_ reporter: Reporter) throws {
    guard second == nil || name == nil else {
      throw ToolFailure.usage("--name and an image before the source exclude each other")
    }
    let source = try source()
    let target = target(source)
    guard force || access(target) == false else { throw Self.exists(target) }
    switch source {
    case .files(let location):
      let image = try OCIStore(location).image(platform: try fetch.choice.chosen())
      try pack(image, scheme: location.form.rawValue, name: location.name, to: target, reporter)
      try report(try FetchedImage(made: target, received: 0), location.name, reporter)
    case .address(let address):
      var settings = try fetch.settings(reporter)
      // What is made with options is not for the cache.
      settings.makesAsUsual =
        try !oci && compression.isUsual && !encryption.encrypt && write.clock() == .automatic
      settings.makeImage = { image, name, path in
        try pack(image, scheme: "docker", name: name, to: path, reporter)
      }
      let image: FetchedImage
      do {
        image = try ImageFetcher(settings).pull(address, to: target, replacing: force)
      } catch let error as SystemError where error.errno == .fileExists {
        throw Self.exists(target)
      }
      try report(image, address.description, reporter)
    }
  }

  private static func exists(_ target: FilePath) -> ToolFailure {
    ToolFailure(.failure, code: "exists", "\(target.printable) exists already; --force replaces it")
  }

  private func target(_ source: Source) -> FilePath {
    if second != nil { return inDirectory(first.path) }
    if let name { return inDirectory(name.path) }
    switch source {
    case .files(let location): return inDirectory(FilePath(named(location.imageName)))
    case .address(let address): return inDirectory(FilePath(named(address.fileName)))
    }
  }

  /// The name as the runtimes choose it: an OCI-SIF ends in `.oci.sif`.
  private func named(_ name: String) -> String {
    oci && name.hasSuffix(".sif") ? name.dropLast(4) + ".oci.sif" : name
  }

  private func inDirectory(_ file: FilePath) -> FilePath {
    guard let directory = dir?.path ?? Self.directoryOfEnvironment, file.isRelative else { return file }
    return directory.pushing(file)
  }

  private static var directoryOfEnvironment: FilePath? {
    for name in ["PULLDIR", "PULLFOLDER"].flatMap({ ["APPTAINER_\($0)", "SINGULARITY_\($0)"] }) {
      if let value = getenv(name), value.pointee != 0 { return FilePath(platformString: value) }
    }
    return nil
  }

  /// Makes an image of the layers of another one.
  private func pack(
    _ image: OCIImage, scheme: String, name: String, to target: FilePath, _ reporter: Reporter
  ) throws {
    let clock = try write.clock()
    var options = try compression.options()
    let bar = reporter.bar(total: 0)
    let shown = ProgressCounter()
    options.onProgress = { report in bar.advance(by: shown.step(to: report.contentBytes)) }
    if oci {
      var writer = OCISIFWriter(of: image, options)
      writer.keepsLayers = keepLayers
      let skipped = try writer.write(to: target)
      bar.clear()
      for line in skipped { reporter.note("left out: \(line)") }
      return
    }
    var packer = try Packer(of: image, scheme: scheme, name: name, options, clock: clock)
    packer.onNote = { reporter.note($0) }
    packer.encryption = try encryption.read()
    let report = try packer.pack(.layers(image), to: target)
    bar.clear()
    for line in report.skipped { reporter.note("left out: \(line)") }
    if report.droppedAttributes > 0 {
      reporter.note("\(report.droppedAttributes) extended attributes that squashfs cannot hold were left out")
    }
  }

  private func report(_ image: FetchedImage, _ source: String, _ reporter: Reporter) throws {
    if output.json {
      try Console.write(document: [
        JSONMember("file", .string(image.path.printable)), JSONMember("size", .integer(image.byteCount)),
        JSONMember("sha256", image.digest.map { .string($0) } ?? .null),
        JSONMember("received", .integer(image.received)), JSONMember("cached", .bool(image.wasCached)),
        JSONMember("source", .string(source.printable)),
      ])
    } else {
      let origin =
        image.wasCached
        ? ", from the cache" : image.received > 0 ? ", \(ByteText.decimal(image.received)) received" : ""
      let digest = image.digest.map { ", sha256:\($0)" } ?? ""
      reporter.note("\(image.path.printable): \(ByteText.decimal(image.byteCount))\(origin)\(digest)")
    }
  }

  private func access(_ path: FilePath) -> Bool {
    path.withPlatformString { Glibc.access($0, F_OK) } == 0
  }
}

/// A source, or the path of a new image.
struct PullArgument: ExpressibleByArgument {
  /// The bytes as they were given.
  let bytes: [UInt8]
  /// The same as a path.
  let path: FilePath

  init?(argument: String) {
    guard let output = OutputArgument(argument: argument) else { return nil }
    path = output.path
    bytes = Array(ArgumentBytes.decode(argument).dropLast())
  }

  static var defaultCompletionKind: CompletionKind { .file() }
}
