import Remotes
import Testing

@Suite struct ServiceDirectoryTests {
  private func services(_ text: String) throws -> ServiceDirectory {
    try ServiceDirectory(reading: Array(text.utf8))
  }

  @Test func realAnswer() throws {
    let found = try services(
      """
      {"libraryAPI":{"uri":"https://library.x/","registryUri":"https://registry.x"},"keystoreAPI":{"uri":"https://keys.x"},
       "tokenAPI":{"uri":"https://auth.x/token"},"builderAPI":{"uri":"https://build.x"},"consentAPI":{"uri":""},
       "flag":true,"other":{"uri":7},"list":[{"uri":"x"}]}
      """)
    #expect(found.services.count == 4)
    #expect(found.library?.uri == "https://library.x")
    #expect(found.library?.registryURI == "https://registry.x")
    #expect(found.keyserver?.uri == "https://keys.x")
    #expect(found.token?.uri == "https://auth.x/token")
    #expect(found.builder?.uri == "https://build.x")
    #expect(try services(#"{"keyserverAPI":{"uri":"a"},"keystoreAPI":{"uri":"b"}}"#).keyserver?.uri == "a")
  }

  @Test(arguments: ["", "<html>", "[]", "7", "{", "null"])
  func refusal(text: String) {
    let error = #expect(throws: RemoteError.self) { try services(text) }
    #expect(error?.kind == .malformed)
  }
}
