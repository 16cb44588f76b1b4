import ArgumentParser
import Bytes
import CommandKit
import ImageBuild
import ImageFetch
import Library
import LinuxSystem
import OCI
import SIF
import Squash
import StrictJSON

struct PushCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "push", abstract: "Send an image to a registry or a container library.",
    discussion: """
      oras://host/repository:tag is a place in a registry; the digest of the manifest is printed. \
      docker://host/repository:tag is one, too, and what is sent there is an image of OCI, which other programs run: one \
      layer with the root file system, as `siftool export` makes it, or the image in oci:, oci-archive:, docker-archive: or \
      dir: as it is. \
      library://entity/collection/container:tag,… is one in the library of the remote in use, which needs a token \
      (`siftool remote login`); the hash of the image is printed.
      """)

  @Argument(help: "The image.") var image: PathArgument
  @Argument(help: "The address: oras://, docker:// or library:// and a place.") var address: String
  @Option(
    help: ArgumentHelp(
      "A note for the manifest. May be repeated.", valueName: "name=value"))
  var annotation: [String] = []
  @Flag(
    help: "Add the image to those of other architectures under the same tag, instead of replacing them.")
  var joinIndex = false
  @Option(
    help: ArgumentHelp(
      "Send the image in parts of this size (default: whole, if the registry takes it).", valueName: "size"))
  var chunkSize: SizeArgument?
  @OptionGroup(title: "Container library") var library: LibraryPushOptions
  @OptionGroup(title: "Servers") var credentials: CredentialOptions
  @OptionGroup(title: "Servers") var server: ServerOptions
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func validate() throws {
    guard chunkSize?.bytes ?? 1 > 0 else { throw ValidationError("--chunk-size must be at least 1") }
  }

  func execute(_ reporter: Reporter) throws {
    guard let target = try ImageAddress(address) else {
      throw ToolFailure.usage(
        "\"\(ArgumentBytes.printable(address))\" has no scheme: give an address, such as oras://host/repository:tag"
      )
    }
    var notes: [String: String] = [:]
    for text in annotation {
      guard let equals = text.firstIndex(of: "="), equals != text.startIndex else {
        throw ToolFailure.usage(
          "--annotation: \"\(ArgumentBytes.printable(text))\" is not of the form name=value")
      }
      notes[String(text[..<equals])] = String(text[text.index(after: equals)...])
    }
    let settings = try FetchSettings(
      server.settings(reporter), plainHTTP: server.noHttps, credentials.request, reporter)
    if case .library(let reference) = target { return try push(to: reference, settings, reporter) }
    let pushed =
      if case .docker(let reference) = target {
        try push(to: reference, settings, reporter)
      } else {
        try image.named {
          try ImageFetcher(settings).push(
            image.path, to: target, chunk: chunkSize?.bytes, joining: joinIndex, annotations: notes)
        }
      }
    if output.json {
      try Console.write(document: [
        JSONMember("manifest", .string(pushed.manifest)), JSONMember("image", .string(pushed.image)),
        JSONMember("size", .integer(pushed.byteCount)), JSONMember("sent", .bool(pushed.wasSent)),
        JSONMember("address", .string(target.description)),
      ])
    } else {
      if !pushed.wasSent { reporter.note("the registry had the image already") }
      try Console.write(line: pushed.manifest)
    }
  }

  var idleOptions: [IdleOptions] {
    guard let target = try? ImageAddress(address) else { return [] }
    if case .library(let reference) = target {
      let host =
        reference.host == nil ? [] : [IdleOptions("library", reason: "excludes a host in the address")]
      return host + [
        IdleOptions(
          "annotation", "join-index", "chunk-size", "authfile", "docker-username", "docker-login",
          reason: "is for registries, and not for library://")
      ]
    }
    let others = [
      IdleOptions(LibraryPushOptions.names, reason: "is for library://, and not for registries")
    ]
    guard case .docker = target else { return others }
    return others + [IdleOptions("annotation", reason: "is for oras://: the manifest is not made here")]
  }

  /// Sends an image of OCI: one in such a form, or one that is made of the root file system.
  private func push(
    to reference: OCIReference, _ settings: FetchSettings, _ reporter: Reporter
  ) throws -> PushedImage {
    let source: OCIImage
    if let location = try OCILocation(image.bytes) {
      source = try OCIStore(location).image()
    } else if let blobs = try image.blobs(in: FileStorage(opening: image.path)) {
      // An OCI-SIF has an image of OCI, which goes as it is.
      source = try blobs.ociImage()
    } else {
      let file = try SquashOptions.open(image, nil)
      var export = ImageExport(of: image.path, file)
      source = try export.image()
      for path in export.report?.skipped ?? [] {
        reporter.note("left out: \(path.escapedName): an archive cannot hold a socket")
      }
    }
    return try ImageFetcher(settings).push(
      source, to: reference, chunk: chunkSize?.bytes, joining: joinIndex)
  }

  private func push(
    to reference: LibraryReference, _ settings: FetchSettings, _ reporter: Reporter
  ) throws {
    var settings = settings
    settings.library = LibraryOptions.find(library.place.library, settings.http)
    let receipt = try image.named {
      try ImageFetcher(settings).push(
        image.path, to: reference, description: library.description ?? "No description",
        allowsUnsigned: library.allowUnsigned)
    }
    if output.json {
      let quota = receipt.quota.map { quota in
        JSONMember("quota", ["total": .integer(quota.total), "used": .integer(quota.used)])
      }
      return try Console.write(
        document: [
          JSONMember("manifest", .null), JSONMember("image", .string("sha256:\(receipt.sha256)")),
          JSONMember("size", .integer(receipt.byteCount)), JSONMember("sent", .bool(receipt.wasSent)),
          JSONMember("address", .string(reference.description)),
        ] + (quota.map { [$0] } ?? []))
    }
    if !receipt.wasSent { reporter.note("the library had the image already") }
    try Console.write(line: "sha256.\(receipt.sha256)")
    if let quota = receipt.quota {
      let total = quota.total > 0 ? "of \(ByteText.decimal(quota.total))" : "without a limit"
      reporter.note("the library holds \(ByteText.decimal(quota.used)) \(total)")
    }
  }
}
