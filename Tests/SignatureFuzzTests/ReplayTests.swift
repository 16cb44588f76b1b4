import TestSupport
import Testing

/// The inputs that fuzzing starts from, and those that ever failed, through the very functions that are fuzzed: a
/// link beside this file leads to them. A function that finds something wrong ends the process.
@Suite struct ReplayTests {
  static let targets: [(String, @Sendable ([UInt8]) -> Void)] = [
    ("key-ring", fuzzKeyRing), ("armor", fuzzArmor), ("clear-signed", fuzzClearSigned),
    ("envelope", fuzzEnvelope), ("pem", fuzzPEM), ("metadata", fuzzMetadata),
  ]

  @Test(arguments: targets.map(\.0))
  func replay(target: String) throws {
    let run = try #require(Self.targets.first { $0.0 == target }).1
    let directory = "\(Fixture.root)/Fuzz"
    let seeds = try Tool.check(["ls", "corpus/\(target)"], in: directory).text.split(separator: "\n")
    #expect(!seeds.isEmpty)
    for seed in seeds { run(try Tool.read("\(directory)/corpus/\(target)/\(seed)")) }
    let crashes = try Tool.check(["ls", "crashes"], in: directory).text.split(separator: "\n")
    for crash in crashes where crash.hasPrefix("\(target)-") {
      run(try Tool.read("\(directory)/crashes/\(crash)"))
    }
  }
}
