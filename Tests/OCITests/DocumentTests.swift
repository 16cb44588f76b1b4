import Bytes
import OCI
import StrictJSON
import Testing

/// Indexes, manifests and configurations: what is read is written again, and what is wrong is named.
@Suite struct DocumentTests {
  private static let digest = "sha256:" + String(repeating: "a", count: 64)
  private static let descriptor =
    #"{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\#(digest)","size":5,"unknown":[]}"#

  private static func manifest(_ layers: String, config: String = descriptor) -> [UInt8] {
    Array(#"{"schemaVersion":2,"config":\#(config),"layers":[\#(layers)],"future":{"a":null}}"#.utf8)
  }

  @Test func whatIsReadIsWritten() throws {
    var layer = OCIDescriptor(mediaType: OCIMediaType.gzipLayer, digest: try OCIDigest(Self.digest), size: 3)
    layer.data = [1, 2, 3]
    layer.annotations = ["b": "2", "a": "\u{1B}"]
    layer.urls = ["https://example.org/"]
    layer.platform = OCIPlatform(architecture: "arm", variant: "v7")
    layer.artifactType = "x/y"
    var manifest = OCIManifest(config: layer, layers: [layer, layer])
    (manifest.subject, manifest.annotations, manifest.artifactType) = (layer, ["k": "v"], "t")
    let again = try OCIManifest(reading: manifest.bytes)
    #expect(again.bytes == manifest.bytes)
    #expect(again.layers == [layer, layer])
    var index = OCIIndex([layer])
    index.annotations = ["k": "v"]
    index.subject = layer
    #expect(try OCIIndex(reading: index.bytes).bytes == index.bytes)
    #expect(try OCIIndex(reading: index.bytes).manifests == [layer])
  }

  @Test(arguments: [
    ("-1", "its size is -1"), ("1.5", "its size is not an integer"), ("\"5\"", "not an integer"),
    ("null", "not an integer"),
    ("99999999999999999999", "not an integer"), ("1e3", "not an integer"),
  ])
  func sizes(size: String, text: String) {
    let layer = Self.descriptor.replacing("\"size\":5", with: "\"size\":\(size)")
    let error = #expect(throws: OCIError.self) { try OCIManifest(reading: Self.manifest(layer)) }
    #expect(error?.description.contains("layer 1 of the manifest is malformed") ?? false)
    #expect(error?.description.contains(text) ?? false, "\(error?.description ?? "")")
  }

  @Test func otherFaults() throws {
    for (text, code) in [
      ("", OCIError.Code.malformed), ("[]", .malformed), ("{}", .malformed),
      (#"{"schemaVersion":1}"#, .unsupported),
      (#"{"schemaVersion":2,"mediaType":"text/html","config":\#(Self.descriptor)}"#, .malformed),
      (#"{"schemaVersion":2,"config":\#(Self.descriptor),"config":\#(Self.descriptor)}"#, .malformed),
      (#"{"schemaVersion":2,"config":\#(Self.descriptor),"layers":{}}"#, .malformed),
      (#"{"schemaVersion":2,"config":\#(Self.descriptor),"annotations":{"a":1}}"#, .malformed),
      (String(repeating: "[", count: 100), .malformed), ("<html>", .malformed),
    ] {
      #expect(throws: OCIError.self) { try OCIManifest(reading: Array(text.utf8)) }
      do { _ = try OCIManifest(reading: Array(text.utf8)) } catch {
        #expect(error.code == code, "\(text): \(error)")
      }
    }
    let many = Array(repeating: Self.descriptor, count: 4097).joined(separator: ",")
    let error = #expect(throws: OCIError.self) { try OCIManifest(reading: Self.manifest(many)) }
    #expect(error?.code == .limitExceeded)
    let huge = Self.descriptor.replacing("\"size\":5", with: "\"size\":9223372036854775807")
    #expect(throws: OCIError.self) { try OCIManifest(reading: Self.manifest("\(huge),\(huge)")) }
    let data = Self.descriptor.replacing("\"size\":5", with: "\"size\":5,\"data\":\"AAAA\"")
    #expect(throws: OCIError.self) { try OCIManifest(reading: Self.manifest(data)) }
    #expect(throws: OCIError.self) { try OCIIndex(reading: Array(#"{"schemaVersion":2}"#.utf8)) }
  }

  @Test func configurations() throws {
    let text = #"""
      {"os":"linux","architecture":"arm","variant":"v7","rootfs":{"type":"layers","diff_ids":["\#(Self.digest)"]},
       "config":{"Env":["A=b"],"Entrypoint":null,"Cmd":["x","y"],"Labels":{"l":"m"},"User":"u","WorkingDir":"/w","Other":1}}
      """#
    let config = try OCIConfig(reading: Array(text.utf8))
    #expect(config.platform?.description == "linux/arm/v7")
    #expect(config.diffIDs.map(\.description) == [Self.digest])
    #expect((config.entrypoint, config.command, config.environment) == ([], ["x", "y"], ["A=b"]))
    #expect((config.labels, config.user, config.workingDirectory) == (["l": "m"], "u", "/w"))
    #expect(config.settings["Other"] == 1)
    #expect(try OCIConfig(reading: Array("{}".utf8)).platform == nil)
    for text in [
      "[]", #"{"config":[]}"#, #"{"config":{"Env":"A"}}"#, #"{"config":{"Env":[1]}}"#,
      #"{"rootfs":{"diff_ids":["x"]}}"#,
      #"{"config":{"Labels":{"a":[]}}}"#, #"{"os":1}"#,
    ] {
      #expect(throws: OCIError.self) { try OCIConfig(reading: Array(text.utf8)) }
    }
  }

  /// A stream that gives its bytes in pieces.
  private final class Pieces: ByteStream, @unchecked Sendable {
    private var rest: ArraySlice<UInt8>
    init(_ bytes: [UInt8]) { rest = bytes[...] }
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
      let part = rest.prefix(min(buffer.count, 7))
      buffer.copyBytes(from: part)
      rest = rest.dropFirst(part.count)
      return part.count
    }
  }

  @Test func blobsAreChecked() throws {
    let bytes = Array("what a blob holds".utf8)
    let right = try OCIDescriptor(mediaType: "", of: bytes)
    #expect(try VerifyingStream(Pieces(bytes), right).bytes(limit: 100) == bytes)
    for (given, code) in [
      (bytes + [0], OCIError.Code.wrongSize), (Array(bytes.dropLast()), .wrongSize),
      (Array(bytes.dropLast()) + [0], .wrongDigest), ([], .wrongSize),
    ] {
      let error = #expect(throws: OCIError.self) {
        try VerifyingStream(Pieces(given), right).bytes(limit: 100)
      }
      #expect(error?.code == code)
    }
    let error = #expect(throws: StorageFault.self) {
      try VerifyingStream(Pieces(bytes), right).bytes(limit: 5)
    }
    #expect(error?.code == .limitExceeded)
    let stream = try VerifyingStream(Pieces(bytes), right)
    _ = try stream.bytes(limit: 100)
    #expect(try stream.bytes(limit: 100) == [])
  }
}
