import Bytes
import Gcrypt
public import Library
import LinuxSystem
public import OCI
public import Registry
import SIF
public import SystemPackage
public import Transport

/// How images are fetched and sent.
public struct FetchSettings {
  /// How servers are talked to.
  public var http = HTTPSettings()
  /// Whether registries are asked without encryption.
  public var plainHTTP = false
  /// The files with the credentials of registries.
  public var credentials = CredentialStore()
  /// Credentials that were given for this run, instead of those of files.
  public var credential: RegistryCredential?
  /// The platform of images that exist for several; nil for this machine's.
  public var platform: OCIPlatform?
  /// Registries that are asked first, because they hold copies.
  public var mirrors: [String] = []
  /// Finds the container library for references that name no host.
  public var library: (@Sendable () throws -> LibraryService)?
  /// Finds a library by its address, for definition files that name one.
  public var namedLibrary: ((String) -> @Sendable () throws -> LibraryService)?
  /// The cache; nil for none.
  public var cache: ImageCache?
  /// Told about what a user may want to know.
  public var notice: (@Sendable (String) -> Void)?
  /// Makes what is told about bytes that have come, from their number; 0 if that is not known.
  public var progress: (@Sendable (Int64) -> (@Sendable (Int64) -> Void)?)?

  /// Makes a SIF image of an image of OCI: from the image, its name and the path; nil for the usual way.
  public var makeImage: ((OCIImage, String, FilePath) throws -> Void)?
  /// Whether images of OCI are made without wishes, so that those in the cache are as good.
  public var makesAsUsual = true

  /// Settings with the defaults.
  public init() {}
}

/// What a pull has made.
public struct FetchedImage: Sendable {
  /// The file.
  public let path: FilePath
  /// Its SHA-256 digest, in hexadecimal digits; nil for an image that was made here.
  public let digest: String?
  /// Its length.
  public let byteCount: Int64
  /// How many bytes came over the network.
  public let received: Int64
  /// Whether it was in the cache.
  public let wasCached: Bool
}

/// Fetches images to files, or to the cache.
public struct ImageFetcher {
  /// How.
  public let settings: FetchSettings
  let client: HTTPClient

  /// A fetcher with its settings. Nothing is asked yet.
  public init(_ settings: FetchSettings) {
    self.settings = settings
    client = HTTPClient(settings.http)
  }

  /// The repository of a reference, at its own registry or at another one.
  public func repository(_ reference: OCIReference, at host: String? = nil) throws -> RegistryRepository {
    let host = host ?? reference.host
    // What was given for this run is for the registry that the address names.
    let given = host == reference.host ? settings.credential : nil
    let credential =
      try given ?? settings.credentials.credential(host: host, repository: reference.repository)
    return RegistryRepository(
      try RegistryClient(
        host: host, plainHTTP: settings.plainHTTP, credential: credential, client: client,
        notice: settings.notice), reference.repository)
  }

  /// The manifest or index of a reference, from the first mirror that has it, or from its registry.
  func resolve(_ reference: OCIReference) throws -> (RegistryRepository, OCIDescriptor) {
    for mirror in settings.mirrors {
      do {
        let repository = try repository(reference, at: mirror)
        return (repository, try repository.resolve(reference.selector))
      } catch let error as TransportError {
        settings.notice?("\(error.description); asking \(reference.host) instead")
      }
    }
    let repository = try repository(reference)
    return (repository, try repository.resolve(reference.selector))
  }

  /// Fetches an image to a file.
  ///
  /// - Parameter replaces: whether a file of that name is replaced.
  public func pull(
    _ address: ImageAddress, to destination: FilePath, replacing replaces: Bool
  ) throws -> FetchedImage {
    var probe = FileDownload(to: destination, key: "")
    probe.replaces = replaces
    try probe.checkDestination()
    switch address {
    case .oras(let reference): return try pullArtifact(reference, destination, replaces)
    case .library(let reference): return try pullLibraryImage(reference, destination, replaces)
    case .web(let address): return try pullFile(address, destination, replaces)
    case .docker(let reference): return try pullContainer(reference, destination, replaces)
    }
  }

  func download(_ destination: FilePath, key: String, _ byteCount: Int64?, _ replaces: Bool)
    -> FileDownload
  {
    var download = FileDownload(to: destination, key: key)
    download.byteCount = byteCount
    download.replaces = replaces
    download.progress = settings.progress?(byteCount ?? 0)
    download.notice = settings.notice
    return download
  }

  /// Copies an entry of the cache to a file, and checks it.
  func copy(
    _ entry: FilePath, _ digest: OCIDigest?, to destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    let file = try RandomAccessFile(opening: entry.string)
    let length = try file.byteCount
    var download = download(destination, key: "cache:\(entry.string)", length, replaces)
    download.resumes = false
    if let digest { download.digest = (digest.algorithm, digest.hexadecimal) }
    let found = try download.run { _ in RandomAccessStream(file) }
    return FetchedImage(
      path: destination, digest: Hexadecimal.text(found.digest), byteCount: length, received: 0,
      wasCached: true)
  }

  /// Takes an image from the cache, or fetches it and leaves a copy in the cache.
  func throughCache(
    _ kind: ImageCache.Kind, _ name: String, _ digest: OCIDigest?, _ destination: FilePath, _ replaces: Bool,
    _ fetch: () throws -> FetchedImage
  ) throws -> FetchedImage {
    guard let cache = settings.cache else { return try fetch() }
    if let entry = cache.existing(kind, name) {
      do { return try copy(entry, digest, to: destination, replaces) } catch let error as TransportError
        where error.code == .answer
      {
        settings.notice?("the cache has other bytes than it should: \(entry.printable) is not used")
        cache.discard(kind, name)
      }
    }
    let image = try fetch()
    // The image is there: nobody has to know more than that the next pull will take as long.
    do { try cache.keep(image.path, kind, name) } catch {
      settings.notice?("nothing is kept in the cache: \((error as? any Fault)?.description ?? "\(error)")")
    }
    return image
  }

  /// The digest of what an address leads to now; nil if nothing but the whole file would tell.
  func digest(of address: ImageAddress) throws -> String? {
    switch address {
    case .docker(let reference): try container(reference).1.digest.description
    case .oras(let reference): try artifact(reference).1.digest.description
    case .library(let reference): try libraryImage(reference).sha256
    case .web: nil
    }
  }

  // MARK: A SIF image in a registry

  /// The SIF image that a reference leads to.
  func artifact(_ reference: OCIReference) throws -> (RegistryRepository, OCIDescriptor) {
    let (repository, descriptor) = try resolve(reference)
    let bytes = try OCIImage.manifest(descriptor, from: repository, platform: settings.platform).bytes
    let manifest = try OCIManifest(reading: bytes)
    let name = "oras://\(reference)"
    guard [OCIMediaType.config, OCIMediaType.dockerConfig].allSatisfy({ $0 != manifest.config.mediaType })
    else {
      throw FetchError(.notSIF, "\(name) is an image of OCI, not a SIF image; docker:// makes one of it")
    }
    guard manifest.layers.count == 1, let layer = manifest.layers.first else {
      throw FetchError(
        .notSIF,
        "\(name): ORAS SIF image should have a single layer, and this one has \(manifest.layers.count)")
    }
    return (repository, layer)
  }

  private func pullArtifact(
    _ reference: OCIReference, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    let (repository, layer) = try artifact(reference)
    return try throughCache(.oras, layer.digest.description, layer.digest, destination, replaces) {
      try fetchArtifact(reference, repository, layer, destination, replaces)
    }
  }

  private func fetchArtifact(
    _ reference: OCIReference, _ repository: RegistryRepository, _ layer: OCIDescriptor,
    _ destination: FilePath,
    _ replaces: Bool
  ) throws -> FetchedImage {
    var download = download(destination, key: layer.digest.description, layer.size, replaces)
    download.digest = (layer.digest.algorithm, layer.digest.hexadecimal)
    download.check = { try ImageStart.checkSIF($0, "oras://\(reference)") }
    let result = try download.run { start in try repository.downloadInParts(layer, from: start) }
    return FetchedImage(
      path: destination, digest: Hexadecimal.text(result.digest), byteCount: layer.size,
      received: result.received, wasCached: false)
  }

  // MARK: A file of a web server

  /// Downloads a file of any kind, whole, to a path that nothing has yet.
  func download(_ address: HTTPAddress, to path: FilePath) throws {
    let stream = try open(address)
    var download = download(path, key: address.text, stream.byteCount, false)
    download.resumes = false
    _ = try download.run { _ in stream }
  }

  private func pullFile(
    _ address: HTTPAddress, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    let stream = try open(address)
    guard settings.cache != nil, let validator = stream.validator else {
      return try fetchFile(address, stream, destination, replaces)
    }
    let name = try Self.cacheName(address, validator)
    return try throughCache(.net, name, nil, destination, replaces) {
      try fetchFile(address, stream, destination, replaces)
    }
  }

  /// The name of an entry, as the runtimes make it.
  private static func cacheName(_ address: HTTPAddress, _ validator: String) throws -> String {
    Hexadecimal.text(try HashContext.digest(.sha256, Array("\(address.text)\(validator)".utf8).span.bytes))
  }

  private func fetchFile(
    _ address: HTTPAddress, _ stream: HTTPDownload, _ destination: FilePath, _ replaces: Bool
  ) throws -> FetchedImage {
    // Another date, tag or length is another file.
    let key = "\(address.text)\n\(stream.validator ?? "")\n\(stream.byteCount ?? -1)"
    var download = download(destination, key: key, stream.byteCount, replaces)
    download.resumes = stream.validator != nil && stream.byteCount != nil
    download.check = { try ImageStart.check($0, address.description) }
    let client = client(for: address)
    let result = try download.run { start in
      if let length = stream.byteCount, let validator = stream.validator,
        let parts = try ParallelDownload(
          HTTPRequest(.get, address, purpose: "download \(address)"), from: start, byteCount: length,
          validator: validator, settings: client.settings, send: { try client.send($0) })
      {
        return parts
      }
      guard start > 0 else { return stream }
      return try open(address, from: start, stream.byteCount, stream.validator)
    }
    let file = try RandomAccessFile(opening: destination.string)
    return FetchedImage(
      path: destination, digest: Hexadecimal.text(result.digest), byteCount: try file.byteCount,
      received: result.received, wasCached: false)
  }

  private func open(
    _ address: HTTPAddress, from start: Int64 = 0, _ byteCount: Int64? = nil, _ validator: String? = nil
  ) throws -> HTTPDownload {
    let client = client(for: address)
    return try HTTPDownload(
      HTTPRequest(.get, address, purpose: "download \(address)"), from: start, byteCount: byteCount,
      validator: validator, settings: client.settings
    ) { try client.send($0) }
  }

  /// A client that may ask an address: one that was written with http:// says so itself.
  func client(for address: HTTPAddress) -> HTTPClient {
    guard address.scheme == .http, !settings.http.allowsPlainHTTP else { return client }
    var settings = settings.http
    settings.allowsPlainHTTP = true
    return HTTPClient(settings)
  }

  // MARK: The cache

  /// The path of an image in the cache, which is fetched first if it is not there. Without a cache, the image goes to a file
  /// that the caller names.
  ///
  /// - Parameter elsewhere: makes the path of a file that the caller removes when it is no longer needed.
  public func cached(_ address: ImageAddress, elsewhere: () throws -> FilePath) throws -> FilePath {
    guard let cache = settings.cache else {
      return try pull(address, to: try elsewhere(), replacing: true).path
    }
    switch address {
    case .oras(let reference):
      let (repository, layer) = try artifact(reference)
      return try cache.entry(.oras, layer.digest.description) { path in
        _ = try fetchArtifact(reference, repository, layer, path, true)
      }
    case .library(let reference):
      let image = try libraryImage(reference)
      return try cache.entry(.library, "sha256.\(image.sha256)") { path in
        _ = try fetchLibraryImage(image, path, true)
      }
    case .web(let address):
      let stream = try open(address)
      guard let validator = stream.validator else {
        return try fetchFile(address, stream, try elsewhere(), true).path
      }
      return try cache.entry(.net, try Self.cacheName(address, validator)) { path in
        _ = try fetchFile(address, stream, path, true)
      }
    case .docker(let reference):
      let (repository, chosen) = try container(reference)
      return try cache.entry(.ociTemporary, chosen.digest.description) { path in
        try convert(reference, repository, chosen, path)
      }
    }
  }
}
