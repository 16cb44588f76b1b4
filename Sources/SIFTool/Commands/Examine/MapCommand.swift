import ArgumentParser
import CommandKit
import Forensics
import SIF
import StrictJSON

struct MapCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    subcommand: "map", abstract: "Account for every byte of an image, exactly once.",
    discussion: """
      Lists header, launch script, every slot of the descriptor table, objects, padding, gaps and trailing bytes, each \
      with its SHA-256, its entropy, the kind of its content, and the signatures that cover it. The image is never \
      written to. Damaged images are mapped as far as they can be read; the exit code is then 5.
      """)

  @Argument(help: "The image.") var image: PathArgument
  @Option(help: ArgumentHelp("Also write a drawing of the map, in SVG.", valueName: "file")) var svg:
    OutputArgument?
  @OptionGroup(title: "Trusted keys") var trust: TrustOptions
  @OptionGroup(title: "Output") var output: JSONOption
  @OptionGroup(title: "Output") var progress: ProgressOptions

  var printsJSON: Bool { output.json }

  func execute(_ reporter: Reporter) throws {
    let storage = try Evidence.open(image.path, reporter)
    let state = try FileState(of: storage)
    let verification = try trust.verify(storage, reporter)
    let bar = reporter.bar(total: try storage.byteCount)
    let map: ImageMap
    do { map = try ImageMap(of: storage, verification: verification) { bar.advance(by: $0) } } catch {
      throw error.naming(image.path)
    }
    bar.clear()
    if let svg {
      let drawing = MapDrawing(map).document(title: image.path.lastComponent?.string ?? image.path.string)
      try Evidence.write(Array(drawing.utf8), to: svg.path)
    }
    var failure =
      try Evidence.change(of: storage, since: state) ?? map.damage.map { ToolFailure($0.naming(image.path)) }
    if output.json {
      try Console.write(
        document: map.members + (failure.map { [JSONMember("error", $0.json)] } ?? []),
        list: JSONList(key: "regions", count: map.regions.count) { map.regions[$0].json })
    } else {
      try map.writeText()
    }
    failure?.isReported = true
    if let failure { throw failure }
  }
}
