import Bytes
import Glibc
public import SystemPackage

/// Images in files, as they are named on command lines (spec/oci.md "Local images"): `oci:DIR[:ref][@digest]`,
/// `oci-archive:FILE[:ref][@digest]`, `docker-archive:FILE[:ref]` and `dir:DIR`.
public struct OCILocation: Sendable {
  /// The form of the files.
  public enum Form: String, Sendable, CaseIterable {
    /// A directory with an image layout of OCI.
    case layout = "oci"
    /// The same as a tar archive.
    case layoutArchive = "oci-archive"
    /// A tar archive as `docker save` writes it.
    case dockerArchive = "docker-archive"
    /// A directory with the files of one image, as skopeo writes it.
    case directory = "dir"
  }

  /// The form.
  public let form: Form
  /// The directory or the archive.
  public let path: FilePath
  /// The name of the image in it.
  public let reference: String?
  /// The digest of the image's manifest or index.
  public let digest: OCIDigest?

  /// A location from its parts.
  public init(_ form: Form, _ path: FilePath, reference: String? = nil, digest: OCIDigest? = nil) {
    self.form = form
    self.path = path
    self.reference = reference
    self.digest = digest
  }

  /// The form that an argument names by its scheme; nil for any other argument.
  public static func form(of text: [UInt8]) -> Form? {
    Form.allCases.first { text.starts(with: Array("\($0.rawValue):".utf8)) }
  }

  /// Reads an argument; nil if it has none of the schemes.
  ///
  /// If a file has the whole rest as its path, there is no name in it. Otherwise the path ends at the first colon.
  ///
  /// - Throws: ``OCIError/Code/invalidReference``.
  public init?(_ text: [UInt8]) throws(OCIError) {
    guard let form = Self.form(of: text) else { return nil }
    self.form = form
    var rest = text.dropFirst(form.rawValue.utf8.count + 1)
    var digest: OCIDigest?
    if form != .directory, !Self.exists(rest), let at = rest.lastIndex(of: 0x40),
      rest[at...].dropFirst().starts(with: "sha".utf8)
    {
      digest = try OCIDigest(String(decoding: rest[(at + 1)...], as: UTF8.self))
      rest = rest[..<at]
    }
    self.digest = digest
    var reference: String?
    if form != .directory, !Self.exists(rest), let colon = rest.firstIndex(of: 0x3A) {
      let name = String(validating: rest[(colon + 1)...], as: UTF8.self) ?? ""
      guard !name.isEmpty, name.utf8.count <= 1024 else {
        throw OCIError(.invalidReference, "\"\(text.printable)\" names no image after the path")
      }
      reference = name
      rest = rest[..<colon]
    }
    self.reference = reference
    guard !rest.isEmpty, !rest.contains(0) else {
      throw OCIError(.invalidReference, "\"\(text.printable)\" has no path after \(form.rawValue):")
    }
    path = FilePath(bytes: Array(rest))
  }

  private static func exists(_ path: ArraySlice<UInt8>) -> Bool {
    let text = path.map { CChar(bitPattern: $0) } + [0]
    return access(text, F_OK) == 0
  }

  /// The location without its scheme.
  public var name: String {
    path.string + (reference.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
  }

  /// The usual name for an image that is made of this one: that of the directory or archive, and of the image in it.
  public var imageName: String {
    let stem =
      path.removingLastComponent().appending(path.lastComponent?.stem ?? "image").lastComponent?.string
      ?? "image"
    let name = (reference ?? "latest").utf8.map { byte in
      (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte | 0x20) || byte == 0x2E || byte == 0x2D
        ? byte : 0x5F
    }
    return "\(stem)_\(String(decoding: name, as: UTF8.self)).sif"
  }
}
