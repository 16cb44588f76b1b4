import ArgumentParser
import Bytes
import CommandKit
import Library
import StrictJSON

struct SearchCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "search", abstract: "Search a container library for images.",
    discussion: "What a library says of images and their signers is not proven.")

  @Argument(help: "A part of the name, of at least 3 characters.") var text: String
  @OptionGroup var architecture: ArchitectureOption
  @Flag(help: "Only images that the library says are signed.") var signed = false
  @OptionGroup(title: "Servers") var library: LibraryOptions
  @OptionGroup(title: "Servers") var server: ServerOptions
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func execute(_ reporter: Reporter) throws {
    try LibraryClient.checkSearch(text)
    let architecture = try architecture.chosen()
    let client = try library.client(for: nil, server, reporter)
    let found = try client.search(text, architecture: architecture, onlySigned: signed)
    if output.json {
      return try Console.write(document: [
        JSONMember("architecture", .string(architecture)), JSONMember("images", .array(found.map(\.json))),
        JSONMember("library", .string(client.service.address.description)),
      ])
    }
    guard !found.isEmpty else {
      return try Console.write(line: "No container images found for \(architecture) matching \"\(text)\".")
    }
    let count = "\(found.count) container image\(found.count == 1 ? "" : "s")"
    try Console.write(line: "Found \(count) for \(architecture) matching \"\(text)\":")
    for image in found {
      var lines = ["", "  \(image.reference.printable)"]
      if !image.text.isEmpty, image.text.lowercased() != "no description" {
        lines.append("    \(image.text.printable)")
      }
      if !image.fingerprints.isEmpty {
        lines.append("    Signed by: \(image.fingerprints.map(\.printable).joined(separator: ", "))")
      }
      try Console.write(lines: lines)
    }
  }
}

extension LibraryImage {
  fileprivate var json: JSONValue {
    .object([
      JSONMember("description", .string(text)), JSONMember("hash", .string(hash)),
      JSONMember("reference", .string(reference)),
      JSONMember("signedBy", .array(fingerprints.map { .string($0) })),
      JSONMember("size", byteCount.map { .integer($0) } ?? .null),
      JSONMember("tags", .array(tags.map { .string($0) })),
    ])
  }
}

struct DeleteCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "delete", abstract: "Remove an image from a container library.",
    discussion: "Asks before it does so, unless --force is given.")

  @Argument(
    help: ArgumentHelp("The image: library://entity/collection/container:tag.", valueName: "reference"))
  var reference: String
  @OptionGroup var architecture: ArchitectureOption
  @Flag(name: [.customShort("F"), .long], help: "Do not ask.") var force = false
  @OptionGroup(title: "Servers") var library: LibraryOptions
  @OptionGroup(title: "Servers") var server: ServerOptions
  @OptionGroup(title: "Output") var progress: ProgressOptions

  func execute(_ reporter: Reporter) throws {
    let reference = try LibraryReference(reference)
    guard reference.tags.count == 1 else { throw ToolFailure.usage("give one tag, and not several") }
    let architecture = try architecture.chosen()
    if !force {
      guard SecretInput.canPrompt else {
        throw ToolFailure.usage("there is no terminal to ask on: --force removes the image without asking")
      }
      Console.prompt("Remove \(reference) (\(architecture)) [y/N]? ")
      guard let answer = readLine(), ["y", "yes"].contains(answer.lowercased()) else {
        return reporter.note("nothing was removed")
      }
    }
    try library.client(for: reference, server, reporter).delete(reference, architecture: architecture)
    reporter.note("\(reference) (\(architecture)) was removed")
  }
}
