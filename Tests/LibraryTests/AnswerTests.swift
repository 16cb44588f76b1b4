@testable import Library
import StrictJSON
import Testing

@Suite struct AnswerTests {
  @Test(arguments: [
    (#"{"data":{"id":"1"}}"#, #"{"id":"1"}"#), (#"{"Data":7,"other":[1]}"#, "7"), ("", "null"),
    ("{}", "null"),
    (#"{"data":1,"data":2}"#, "1"),
  ])
  func data(text: String, expected: String) throws {
    #expect(
      String(decoding: JSONWriter.compact(try LibraryAnswer.data(Array(text.utf8))), as: UTF8.self)
        == expected)
  }

  @Test(
    arguments: [
      (#"{"error":{"code":404,"message":"not there"}}"#, "not there"),
      (
        #"{"status":"error","errors":[{"title":"Forbidden","detail":"quota","code":403}]}"#,
        "Forbidden: quota"
      ),
      (#"{"error":"plain"}"#, "plain"), (#"{"Error":{"Message":"loud"}}"#, "loud"), ("{}", nil),
      ("<html>", nil),
      (#"{"errors":[]}"#, nil), (#"{"errors":[7]}"#, nil),
    ] as [(String, String?)])
  func errors(text: String, expected: String?) {
    #expect(LibraryAnswer.errorMessage(Array(text.utf8)) == expected)
  }

  @Test func whatIsNotJSON() {
    func reason(_ text: String) -> String? {
      #expect(throws: LibraryError.self) { try LibraryAnswer.data(Array(text.utf8)) }?.description
    }
    #expect(reason("\n <!DOCTYPE html><html>")?.contains("a web page") == true)
    #expect(reason(String(repeating: "[", count: 100))?.contains("too deeply nested") == true)
    #expect(reason("{\"data\":").map { $0.contains("ends within") } == true)
    #expect(
      reason(String(repeating: " ", count: LibraryAnswer.maximumBytes + 1))?.contains("too long") == true)
  }

  @Test func image() throws {
    let digits = String(repeating: "ab", count: 32)
    let value = try JSONParser.parse(
      Array(
        """
        {"id":"5","hash":"sha256.\(digits)","size":12,"uploaded":true,"Arch":"amd64","entityName":"e","collectionName":"c",
         "containerName":"n","tags":["v1","latest"],"fingerprints":["AA"],"description":"text","unknown":{}}
        """.utf8))
    let image = try LibraryImage(value)
    #expect(image.sha256 == digits)
    #expect(image.byteCount == 12)
    #expect(image.isUploaded)
    #expect(image.architecture == "amd64")
    #expect(image.reference == "library://e/c/n:v1,latest")
    for (size, hash) in [
      ("-1", "sha256.00"), ("1e3", "sif.x"), ("null", ""), ("99999999999999999999", "sha256.zz"),
    ] {
      let odd = try LibraryImage(try JSONParser.parse(Array(#"{"size":\#(size),"hash":"\#(hash)"}"#.utf8)))
      #expect(odd.byteCount == nil)
      #expect(odd.sha256 == nil)
    }
    #expect(throws: LibraryError.self) { try LibraryImage(.null) }
  }

  /// The order of semver.org, section 11.
  @Test func versions() throws {
    let texts = [
      "1.9.9", "2.0.0-alpha", "2.0.0-alpha.1", "2.0.0-alpha.2", "2.0.0-alpha.10", "2.0.0-alpha.beta",
      "2.0.0-beta", "2.0.0",
      "2.0.1",
    ]
    let versions = try texts.map { try #require(LibraryVersion($0)) }
    for (index, version) in versions.enumerated() {
      for (other, later) in versions.enumerated() {
        #expect((version < later) == (index < other), "\(texts[index]) \(texts[other])")
      }
    }
    #expect(try #require(LibraryVersion("v2.0.0-alpha.2+abc")) == .architectureTags)
    for text in ["", "2", "2.0", "2.0.x", "-1.0.0", "a.b.c", "2.0.0.0"] {
      #expect(LibraryVersion(text) == nil)
    }
  }
}
