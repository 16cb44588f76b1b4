import Bytes
public import Library
import LinuxSystem
import OCI
import SIF
public import SystemPackage
import Transport

extension ImageFetcher {
  /// An image that a library has.
  struct FoundImage {
    let reference: LibraryReference
    let client: LibraryClient
    let architecture: String
    let sha256: String
    let byteCount: Int64?
  }

  /// The library of a reference: at the host that it names, or else the user's.
  private func client(_ reference: LibraryReference) throws -> LibraryClient {
    if let service = try LibraryService(of: reference, plainHTTP: settings.plainHTTP) {
      return LibraryClient(service, settings: settings.http)
    }
    guard let find = settings.library else {
      throw FetchError(.unsupported, "\(reference): no container library is known")
    }
    return LibraryClient(try find(), settings: settings.http)
  }

  func libraryImage(_ reference: LibraryReference) throws -> FoundImage {
    let client = try client(reference)
    let architecture = (settings.platform ?? .host).architecture
    let image = try client.image(reference, architecture: architecture)
    // Who asks for a hash gets that, whatever the library says.
    guard let sha256 = reference.sha256 ?? image.sha256 else {
      throw FetchError(
        .notImage,
        "\(reference): the library does not say the SHA-256 of the image, so that it cannot be checked")
    }
    return FoundImage(
      reference: reference, client: client, architecture: architecture, sha256: sha256,
      byteCount: image.byteCount)
  }

  func pullLibraryImage(
    _ reference: LibraryReference, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    let image = try libraryImage(reference)
    if let entry = settings.cache?.existing(.library, "sha256.\(image.sha256)") {
      do {
        let digest = try OCIDigest("sha256:\(image.sha256)")
        return try copy(entry, digest, to: destination, replaces)
      } catch let error as TransportError where error.code == .answer {
        settings.notice?("the cache has other bytes than it should: \(entry.printable) is not used")
      }
    }
    return try fetchLibraryImage(image, destination, replaces)
  }

  func fetchLibraryImage(
    _ image: FoundImage, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    var download = download(destination, key: "sha256:\(image.sha256)", image.byteCount, replaces)
    download.digest = (.sha256, image.sha256)
    download.check = { try ImageStart.checkSIF($0, image.reference.description) }
    let result = try download.run { start in
      try image.client.open(
        image.reference, architecture: image.architecture, from: start, byteCount: image.byteCount)
    }
    let file = try RandomAccessFile(opening: destination.string)
    return FetchedImage(
      path: destination, digest: image.sha256, byteCount: try file.byteCount, received: result.received,
      wasCached: false)
  }

  /// Sends a SIF image to a library.
  ///
  /// - Parameters:
  ///   - text: what it is, in its owner's words.
  ///   - allowsUnsigned: whether it may be without a signature.
  public func push(
    _ path: FilePath, to reference: LibraryReference, description text: String, allowsUnsigned: Bool
  ) throws -> LibraryReceipt {
    try reference.checkPush()
    let image = try Image(opening: path)
    guard allowsUnsigned || !image.objects(ofType: .signature).isEmpty else {
      throw FetchError(.notSigned, "\(path.printable) is not signed")
    }
    let file = try RandomAccessFile(opening: path.string)
    var upload = try LibraryUpload(file, architecture: image.header.architecture.name, description: text)
    upload.progress = settings.progress?(upload.byteCount)
    return try client(reference).push(upload, to: reference)
  }
}
