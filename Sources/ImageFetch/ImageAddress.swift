import Bytes
public import Library
public import OCI
public import Transport

/// Where an image is, if it is not a file: an address with a scheme.
public enum ImageAddress: Sendable, CustomStringConvertible {
  /// An image of OCI in a registry, of which a SIF image is made.
  case docker(OCIReference)
  /// A SIF image in a registry.
  case oras(OCIReference)
  /// A SIF image in a container library.
  case library(LibraryReference)
  /// A file of a web server.
  case web(HTTPAddress)

  /// Reads an address. What has no scheme is not one, but may be the name of a file.
  ///
  /// - Returns: nil if the text has no scheme.
  /// - Throws: ``FetchError`` for a scheme that is not known, and what is wrong with the rest.
  public init?(_ text: String) throws {
    if LibraryReference.isReference(text) {
      self = .library(try LibraryReference(text))
      return
    }
    guard let end = text.firstRange(of: "://") else {
      // The runtimes take these without slashes, too.
      guard text.hasPrefix("docker:") || text.hasPrefix("oras:") else { return nil }
      let rest = String(text[text.index(after: text.firstIndex(of: ":") ?? text.startIndex)...])
      self = text.hasPrefix("docker:") ? .docker(try OCIReference(rest)) : .oras(try OCIReference(rest))
      return
    }
    let scheme = text[..<end.lowerBound]
    guard !scheme.isEmpty, scheme.utf8.allSatisfy({ Self.isOfScheme($0) }) else { return nil }
    let rest = String(text[end.upperBound...])
    switch scheme.lowercased() {
    case "docker": self = .docker(try OCIReference(rest))
    case "oras": self = .oras(try OCIReference(rest))
    case "http", "https": self = .web(try HTTPAddress(text))
    default:
      throw FetchError(
        .address,
        "\"\(scheme.prefix(40).printable)://\" is not a scheme that images are fetched by: docker://, oras://, library://, https:// and http:// are"
      )
    }
  }

  private static func isOfScheme(_ byte: UInt8) -> Bool {
    (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E].contains(byte)
  }

  /// The name of the file that a pull makes, as the runtimes choose it: `alpine_3.20.sif`.
  public var fileName: String {
    switch self {
    case .docker(let reference), .oras(let reference):
      let last = reference.repository.split(separator: "/").last.map(String.init) ?? "image"
      let tag = reference.tag ?? reference.digest.map { $0.hexadecimal } ?? "latest"
      return "\(last)_\(tag).sif"
    case .library(let reference): return reference.fileName
    case .web(let address):
      let last = address.path.split(separator: "/").last.map(String.init) ?? ""
      // A name that a server could choose must not be one that hides or leads elsewhere.
      let safe = last.utf8.map { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F ? $0 : 0x5F }
      let name = String(decoding: safe, as: UTF8.self)
      return name.isEmpty || name.hasPrefix(".") || name.hasPrefix("-") ? "image.sif" : name
    }
  }

  /// Whether it names an image of OCI, of which a SIF image has to be made.
  public var isContainer: Bool { if case .docker = self { true } else { false } }

  /// The address for people.
  public var description: String {
    switch self {
    case .docker(let reference): "docker://\(reference)"
    case .oras(let reference): "oras://\(reference)"
    case .library(let reference): reference.description
    case .web(let address): address.description
    }
  }
}
