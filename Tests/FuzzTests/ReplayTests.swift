import FuzzTargets
import TestSupport
import Testing

/// What the fuzzers start from, and everything that they ever found, goes through the decoders again.
@Suite struct ReplayTests {
  private static func files(_ folder: String) throws -> [String] {
    try Tool.run(["ls", "\(Fixture.root)/Fuzz/\(folder)"]).text.split(separator: "\n").map(String.init)
  }

  @Test(arguments: FuzzTarget.all.keys.sorted())
  func corpus(target: String) throws {
    let body = try #require(FuzzTarget.all[target])
    let names = try Self.files("corpus/\(target)")
    #expect(!names.isEmpty)
    for name in names { body(try Tool.read("\(Fixture.root)/Fuzz/corpus/\(target)/\(name)")) }
  }

  /// Files of Fuzz/crashes are named TARGET-WHAT; a name without a target is a mistake.
  @Test func everyCrashEverFound() throws {
    for name in try Self.files("crashes") {
      let target = FuzzTarget.all.keys.filter { name.hasPrefix("\($0)-") }.max { $0.count < $1.count }
      let body = try #require(target.flatMap { FuzzTarget.all[$0] }, "\(name)")
      body(try Tool.read("\(Fixture.root)/Fuzz/crashes/\(name)"))
    }
  }

  @Test func everyCorpusHasATarget() throws {
    #expect(Set(try Self.files("corpus")) == Set(FuzzTarget.all.keys))
  }
}
