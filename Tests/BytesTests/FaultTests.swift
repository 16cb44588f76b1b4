import Bytes
import Testing

/// A fault with only the required members.
private struct Plain: Fault {
  let identifier = "plain"
  let kind = FaultKind.key
  let description = "a plain fault"
}

@Suite("Faults") struct FaultTests {
  @Test func saysNothingMoreUnlessItKnows() {
    let fault: any Fault = Plain()
    #expect(fault.offset == nil && fault.objectID == nil && fault.underlying == nil)
  }

  /// A fault of storage takes the words and the place of its cause; its code decides its kind.
  @Test func storageFaultsKeepTheirCause() {
    let fault = StorageFault(.source, causedBy: Plain())
    #expect(fault.identifier == "source" && fault.description == "a plain fault" && fault.kind == .key)
    #expect((fault.underlying as? Plain) != nil)
    #expect(StorageFault(.system, causedBy: Plain()).kind == .system)
    #expect(StorageFault(.source, "nothing beneath").kind == .other)
    #expect(StorageFault(.truncated, "it ends", offset: 7).offset == 7)
  }
}
