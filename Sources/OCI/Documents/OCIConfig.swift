public import StrictJSON

/// The configuration of an image: its platform, how its program is started, and the digests of its layers.
public struct OCIConfig: Sendable {
  /// The operating system; empty if the document does not say.
  public var os: String
  /// The architecture by its name in Go; empty if the document does not say.
  public var architecture: String
  /// The variant of the architecture.
  public var variant: String?
  /// When the image was made, in the words of the document.
  public var created: String?
  /// The digests of the layers as plain tar archives, the lowest first.
  public var diffIDs: [OCIDigest]
  /// The member `config` as it is in the document: an object, which is empty if there is none.
  public var settings: JSONValue
  /// The words that start the program.
  public var entrypoint: [String]
  /// The words after the entry point if the user gives none.
  public var command: [String]
  /// The variables, `NAME=VALUE` each.
  public var environment: [String]
  /// The labels.
  public var labels: [String: String]
  /// The directory that the program starts in.
  public var workingDirectory: String?
  /// The user that the program runs as.
  public var user: String?

  /// The platform; nil if the document does not state one.
  public var platform: OCIPlatform? {
    architecture.isEmpty
      ? nil : OCIPlatform(os: os.isEmpty ? "linux" : os, architecture: architecture, variant: variant)
  }

  /// Reads a configuration of OCI or of Docker. Unknown members are ignored.
  ///
  /// - Throws: ``OCIError/Code/malformed`` or ``OCIError/Code/limitExceeded``.
  public init(reading text: [UInt8]) throws(OCIError) {
    let reader = try DocumentReader(text, "the configuration")
    os = try reader.text("os") ?? ""
    architecture = try reader.text("architecture") ?? ""
    variant = try reader.text("variant").flatMap { $0.isEmpty ? nil : $0 }
    created = try reader.text("created")
    diffIDs = []
    if let value = reader.value["rootfs"], value != .null {
      let rootfs = try DocumentReader(value, "the rootfs of the configuration")
      for text in try rootfs.texts("diff_ids") {
        do throws(OCIError) { diffIDs.append(try OCIDigest(text)) } catch {
          throw rootfs.malformed(error.description)
        }
      }
    }
    let value = reader.value["config"] ?? .null
    settings = value == .null ? .object([]) : value
    let config = try DocumentReader(settings, "the member config of the configuration")
    entrypoint = try config.texts("Entrypoint")
    command = try config.texts("Cmd")
    environment = try config.texts("Env")
    labels = try config.pairs("Labels")
    workingDirectory = try config.text("WorkingDir")
    user = try config.text("User")
  }
}
