import Bytes
public import Library
import LinuxSystem
import OCI
import Registry
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
    let digest = try OCIDigest("sha256:\(image.sha256)")
    return try throughCache(.library, "sha256.\(image.sha256)", digest, destination, replaces) {
      try fetchLibraryImage(image, destination, replaces)
    }
  }

  /// The image in the registry behind the library; nil if there is none, or another one.
  private func redirected(
    _ image: FoundImage
  ) -> (repository: RegistryRepository, layer: OCIDescriptor)? {
    guard let redirect = image.client.redirect(image.reference),
      let reference = try? OCIReference("\(redirect.registry.origin.authority)/\(redirect.repository)"),
      let registry = try? RegistryClient(
        host: redirect.registry.origin.authority, plainHTTP: redirect.registry.scheme == .http,
        credential: redirect.token.map { .registryToken($0) } ?? .none,
        client: client(for: redirect.registry), notice: settings.notice)
    else { return nil }
    let repository = RegistryRepository(registry, reference.repository)
    let platform = OCIPlatform(architecture: image.architecture)
    guard let (descriptor, _) = try? repository.manifest(image.reference.tags[0]),
      let bytes = try? OCIImage.manifest(descriptor, from: repository, platform: platform).bytes,
      let manifest = try? OCIManifest(reading: bytes), manifest.layers.count == 1,
      let layer = manifest.layers.first, layer.digest.description == "sha256:\(image.sha256)",
      layer.size == image.byteCount ?? layer.size
    else {
      settings.notice?(
        "\(redirect.registry.origin) does not have the image that the library names; asking the library itself"
      )
      return nil
    }
    return (repository, layer)
  }

  func fetchLibraryImage(
    _ image: FoundImage, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    var download = download(destination, key: "sha256:\(image.sha256)", image.byteCount, replaces)
    download.digest = (.sha256, image.sha256)
    download.check = { try ImageStart.checkSIF($0, image.reference.description) }
    let found = redirected(image)
    let result = try download.run { start in
      if let found { return try found.repository.downloadInParts(found.layer, from: start) }
      return try image.client.open(
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
