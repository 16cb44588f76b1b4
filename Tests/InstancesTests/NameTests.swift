import Instances
import Testing

@Suite struct NameTests {
  /// What would lead elsewhere, or end early as a C string, is no name.
  @Test(arguments: [
    "", ".", "..", "a/b", "../a", "/a", "a\0b", "\0", "a\n", "a b", "é", String(repeating: "a", count: 201),
  ])
  func wrong(name: String) { #expect(!InstanceStore.isName(name)) }

  @Test(arguments: ["a", "web-1", "a.b_c", "...", "-", String(repeating: "a", count: 200)])
  func right(name: String) { #expect(InstanceStore.isName(name)) }

  @Test func sharedContainers() {
    #expect(SharedContainer.isName("sharens_12_345") && !SharedContainer.isName("web"))
  }
}
