import Bytes
public import OCI
public import SIF
public import Squash
import StrictJSON
public import SystemPackage

/// Makes an image of OCI or Docker of a SIF: one layer, which is its root file system, and the configuration that the SIF
/// brought along, or one that starts its scripts (spec/oci.md "An image of a SIF").
public struct ImageExport {
  /// What starts an image that was a SIF.
  static let entrypoint = "/.singularity.d/actions/run"
  private static let longestDocument: Int64 = 16 << 20

  private let image: Image?
  private let file: SquashImage
  /// The number of threads that compress.
  public var threads = 2
  /// What the layer holds; nil until it is written.
  public private(set) var report: TarReport?

  /// An export of the partition of an image that is a squashfs, or of a plain squashfs without an image.
  public init(_ image: Image?, _ file: SquashImage) {
    self.image = image
    self.file = file
  }

  /// An export of the squashfs in a file, which may be a plain one.
  public init(of path: FilePath, _ file: SquashImage) {
    self.init(try? Image(reading: FileStorage(opening: path)), file)
  }

  /// Writes the image.
  ///
  /// - Parameters:
  ///   - architecture: the architecture; nil to take that of the programs inside, or of this machine.
  ///   - onProgress: called from time to time.
  public mutating func write(
    to location: OCILocation, architecture: Architecture? = nil, onProgress: ((TarReport) -> Void)? = nil
  ) throws {
    _ = try write(with: ImageWriter(location), architecture, onProgress)
  }

  /// The image in files without names, in the directory for temporary files.
  public mutating func image(onProgress: ((TarReport) -> Void)? = nil) throws -> OCIImage {
    let blobs = CollectedBlobs(in: TemporaryFiles.directory)
    return try OCIImage(try write(with: ImageWriter(collecting: blobs), nil, onProgress), from: blobs)
  }

  private mutating func write(
    with writer: ImageWriter, _ architecture: Architecture?, _ onProgress: ((TarReport) -> Void)?
  ) throws -> OCIDescriptor {
    let reader = try SquashReader(file)
    let config = try settings(reader)
    let found = try architecture ?? primaryArchitecture ?? ArchitectureFinder(reader).find()
    let name = (found ?? ArchitectureFinder.ofThisMachine)?.name ?? OCIPlatform.host.architecture
    let platform = OCIPlatform(architecture: name)
    var report: TarReport?
    try writer.addLayer(threads: threads) { sink in
      var stream = TarStream(reader, to: sink)
      report = try stream.write(onProgress: onProgress)
    }
    self.report = report
    if let fault = report?.faults.first { throw fault }
    var members: [JSONMember] = []
    if let image, (0..<253_402_300_800).contains(image.header.createdAt.seconds),
      !image.header.isDeterministic
    {
      members.append(
        JSONMember("created", .string(CivilTime(seconds: image.header.createdAt.seconds).iso8601)))
    }
    members += [
      JSONMember("architecture", .string(platform.architecture)), JSONMember("os", "linux"),
      JSONMember("config", config),
      JSONMember("history", [["created_by": "siftool export", "comment": "the root file system of a SIF"]]),
    ]
    if let variant = platform.variant { members.append(JSONMember("variant", .string(variant))) }
    return try writer.finish(config: members, platform: platform)
  }

  private var primaryArchitecture: Architecture? {
    guard case .partition(let partition) = image?.primarySystemPartition?.metadata,
      partition.architecture != .unknown
    else { return nil }
    return partition.architecture
  }

  /// The settings of the configuration: those that the image came with, and its labels.
  private func settings(_ reader: SquashReader) throws -> JSONValue {
    var members: [JSONMember]
    if let image, let blobs = try OCISIF(image), let settings = try? blobs.ociImage().config.settings {
      members = settings.members ?? []
    } else if let text = try document("oci-config.json"), let given = try? JSONParser.parse(text).members {
      members = given
    } else {
      members = [
        JSONMember("Env", ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"])
      ]
      if (try? reader.lookup(Array(Self.entrypoint.utf8), followLast: true)) != nil {
        members.append(JSONMember("Entrypoint", [.string(Self.entrypoint)]))
      }
    }
    var labels = members.first { $0.key == "Labels" }?.value.members ?? []
    for label in try imageLabels(reader) where label.value.text != nil {
      labels.removeAll { $0.key == label.key }
      labels.append(label)
    }
    members.removeAll { $0.key == "Labels" }
    if !labels.isEmpty { members.append(JSONMember("Labels", .object(labels))) }
    return .object(members)
  }

  /// The labels in the tree, or else in the object for them.
  private func imageLabels(_ reader: SquashReader) throws -> [JSONMember] {
    var text: [UInt8]?
    if let entry = try? reader.lookup(Array(".singularity.d/labels.json".utf8), followLast: false),
      let layout = entry.inode.layout, layout.size <= Self.longestDocument
    {
      text = try reader.prefix(of: layout, Int(layout.size))
    } else if let image, let object = image.companion(ofType: .labels), object.size <= Self.longestDocument {
      text = try image.bytes(of: object).prefix(Int(object.size))
    }
    return text.flatMap { try? JSONParser.parse($0).members } ?? []
  }

  private func document(_ name: String) throws -> [UInt8]? {
    guard let image,
      let object = image.objects(ofType: .genericJSON).first(where: { $0.name.elementsEqual(name.utf8) }),
      object.size <= Self.longestDocument
    else { return nil }
    return try image.bytes(of: object).prefix(Int(object.size))
  }
}
