import Glibc

/// The project's own test data.
public enum Fixture {
  /// The directory of the sources, found from this file's place in it.
  public static let root: String = {
    let parts = #filePath.split(separator: "/").dropLast(3)
    return "/" + parts.joined(separator: "/")
  }()

  /// The path of a file under `testdata/`.
  public static func path(_ name: String) -> String { "\(root)/testdata/\(name)" }

  /// The path of a script under `Tests/Scripts/`.
  public static func script(_ name: String) -> String { "\(root)/Tests/Scripts/\(name)" }

  /// The bytes of a file under `testdata/`.
  public static func read(_ name: String) throws -> [UInt8] { try Tool.read(path(name)) }

  /// The names of the images in `testdata/images`, sorted.
  public static let imageNames: [String] = {
    let listing = try? Tool.run(["ls", path("images")]).text
    return (listing ?? "").split(separator: "\n").map(String.init).filter { $0.hasSuffix(".sif") }
  }()

  /// The `siftool` under test: the one that the variable SIFTOOL names, or the one built with the tests.
  public static let siftool: String = {
    if let named = getenv("SIFTOOL") { return String(cString: named) }
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    guard let resolved = realpath(bundle, nil) else { return "siftool is not beside \(bundle)" }
    defer { free(resolved) }
    return String(cString: resolved).split(separator: "/").dropLast().reduce("") { $0 + "/" + $1 }
      + "/siftool"
  }()
}

/// Random numbers that a seed determines (SplitMix64).
public struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  /// A generator; the same seed gives the same numbers.
  public init(seed: UInt64) { state = seed }

  /// The next number.
  public mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
