import Bytes
import OCI
import Registry
import TestSupport
import Testing
import Transport

/// What the library does in Debian's docker-registry.
@Suite struct RepositoryTests {
  private let directory: Scratch
  private let server: TestServer
  private let registry: RegistryClient

  init() throws {
    let directory = try Scratch()
    self.directory = directory
    server = try TestServer.start { port in
      try directory.write(
        "registry.yml",
        """
        version: 0.1
        log: {level: error}
        storage: {filesystem: {rootdirectory: \(directory.path)/registry}, delete: {enabled: true}}
        http: {addr: "127.0.0.1:\(port)", secret: x}
        """)
      return ["docker-registry", "serve", directory.file("registry.yml")]
    }
    var settings = HTTPSettings()
    settings.allowsPlainHTTP = true
    settings.retryDelays = [0]
    registry = try RegistryClient(
      host: "127.0.0.1:\(server.port)", plainHTTP: true, credential: .none, client: HTTPClient(settings))
  }

  private func blob(_ text: String) throws -> (OCIDescriptor, MemoryReader) {
    let bytes = Array(text.utf8)
    return (try OCIDescriptor(mediaType: "text/plain", of: bytes), MemoryReader(bytes))
  }

  @Test func blobs() throws {
    let first = RegistryRepository(registry, "one/first")
    let second = RegistryRepository(registry, "one/second")
    let (descriptor, reader) = try blob("some text")
    #expect(try !first.hasBlob(descriptor.digest))
    #expect(try first.upload(reader, descriptor) == .sent)
    #expect(try first.upload(reader, descriptor) == .present)
    #expect(try second.upload(reader, descriptor, mountingFrom: ["one/first"]) == .mounted)
    #expect(try second.verified(descriptor).bytes(limit: 100) == Array("some text".utf8))
    // Bytes other than the digest says are refused by the registry.
    let (other, _) = try blob("others")
    let error = #expect(throws: TransportError.self) {
      try first.upload(MemoryReader(Array("wrong!".utf8)), other)
    }
    #expect(error?.description.contains("DIGEST_INVALID") ?? false, "\(String(describing: error))")
    // A download goes on at a byte.
    let download = try second.download(descriptor, from: 5)
    #expect(try download.bytes(limit: 100) == Array("text".utf8))
    // Nothing is left of one that is whole; Debian's registry would let a client wait for ever.
    #expect(try second.download(descriptor, from: 9).bytes(limit: 100).isEmpty)
  }

  @Test func tagsAndReferrers() throws {
    let repository = RegistryRepository(registry, "two")
    let (config, reader) = try blob("{}")
    _ = try repository.upload(reader, config)
    var manifest = OCIManifest(config: config, layers: [])
    let bytes = manifest.bytes
    for tag in ["b", "a"] {
      try repository.uploadManifest(bytes, mediaType: OCIMediaType.manifest, as: tag)
    }
    #expect(try repository.tags().sorted() == ["a", "b"])
    let subject = try repository.resolve("a")
    #expect(subject.digest == (try OCIDigest(of: bytes)) && subject.size == Int64(bytes.count))
    #expect(try repository.referrers(subject.digest).manifests.isEmpty)
    // This registry keeps no list, so there is a tag in its place.
    manifest.subject = subject
    manifest.artifactType = "application/spdx+json"
    let attached = try repository.attach(manifest)
    _ = try repository.attach(manifest)
    let found = try repository.referrers(subject.digest).manifests
    #expect(found.map(\.digest) == [attached.digest] && found[0].artifactType == "application/spdx+json")
    #expect(try repository.tags().contains("sha256-\(subject.digest.hexadecimal)"))
    let error = #expect(throws: TransportError.self) { try repository.manifest("none") }
    #expect(error?.code == .notFound && error?.kind == .other)
  }
}
