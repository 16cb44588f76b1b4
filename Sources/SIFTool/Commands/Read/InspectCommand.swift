import ArgumentParser
import CommandKit
import LUKS
import OCI
import Partitions
import SIF
import StrictJSON

struct InspectCommand: ShowingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "inspect",
    abstract:
      "Show an image on one page: header, objects, labels, definition file, signatures and encryption.",
    discussion: """
      Signatures are listed as they describe themselves; nothing is verified. If an option gives the key, the \
      encrypted primary partition is also opened. Of an image in OCI's or Docker's form (oci:, oci-archive:, \
      docker-archive: or dir: and a path), the page shows platform, program, layers, variables and labels.
      """)

  @Argument(help: "The image.") var image: PathArgument
  @OptionGroup(title: "Key of an encrypted partition") var key: VolumeKeyOptions
  @OptionGroup(title: "Images that are addresses") var remote: RemoteImageOptions
  @OptionGroup(title: "Output") var output: JSONOption

  var printsJSON: Bool { output.json }

  func execute() throws { try Self.show(image, json: output.json, key.source, remote) }

  static func show(_ image: PathArgument, json: Bool) throws {
    try show(image, json: json, VolumeKeySource(), nil)
  }

  private static func show(
    _ path: PathArgument, json: Bool, _ key: VolumeKeySource, _ remote: RemoteImageOptions?
  ) throws {
    if let location = try OCILocation(path.bytes) {
      let page = ContainerPage(try OCIStore(location).image(), named: path.path.printable)
      if json { try Console.write(document: page.members) } else { try page.write() }
      return
    }
    let storage = try remote?.storage(path) ?? path.readableStorage()
    let image: Image
    let findings: [Finding]
    do {
      // One after the other: each holds all descriptors while it works.
      findings = try ImageCheck(of: storage).findings
      image = try Image(reading: storage)
    } catch {
      throw error.naming(path.path)
    }
    let opened =
      key.isNamed
      ? try Partition(of: image).object.flatMap { try OpenedVolumeFields($0, in: image, key) } : nil
    let page = try InspectPage(image, findings: findings, opened: opened)
    if json {
      try Console.write(document: page.members, list: image.objectList)
    } else {
      try page.write(title: path.path)
    }
  }
}
