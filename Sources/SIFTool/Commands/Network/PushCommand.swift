import ArgumentParser
import Bytes
import CommandKit
import ImageFetch
import LinuxSystem
import StrictJSON

struct PushCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "push", abstract: "Send an image to a registry.",
    discussion: "The address begins with oras:// and names a tag. Prints the digest of the manifest.")

  @Argument(help: "The image.") var image: PathArgument
  @Argument(help: "The address: oras://host/repository:tag.") var address: String
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
    var settings = FetchSettings()
    settings.http = server.settings(reporter)
    settings.plainHTTP = server.noHttps
    settings.credentials = credentials.store
    settings.credential = try credentials.credential()
    settings.notice = { reporter.note($0) }
    settings.progress = { total in
      let bar = reporter.bar(total: total)
      return { bar.advance(by: $0) }
    }
    let pushed = try image.named {
      try ImageFetcher(settings).push(
        image.path, to: target, chunk: chunkSize?.bytes, joining: joinIndex, annotations: notes)
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
}
